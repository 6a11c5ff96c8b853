"""Networks and latent codes; nothing here trains.

A :class:`Model` is a generator, a discriminator with the recognition network Q, and the fitted preprocessing. A
backbone is a generator and a trunk that go together. Imports ``data`` and ``preprocessing``.
"""

from tsinfogan.registry import on_demand

__all__, __getattr__ = on_demand(
    __name__,
    {
        "backbone": ("BACKBONES", "Backbone", "DataShape"),
        "codes": ("CategoricalCode", "Code", "LatentSpec", "NormalCode", "UniformCode"),
        "discriminator": ("Discriminator", "DiscriminatorSettings"),
        "heads": ("RecognitionHead",),
        "model": ("DataCard", "Model", "ModelSettings"),
        "pca": ("PrincipalComponents", "ShrinkageGenerator"),
    },
)
