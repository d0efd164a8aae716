"""A backbone that tells classes of images apart: how it begins, before it tracks."""

from __future__ import annotations

from torch import Tensor, nn

from lighttrack_nas.trackers.network.backbone import Backbone


class ImageClassifier(nn.Module):
    """A backbone up to its last exit, the mean over all positions, one linear layer.

    Args:
        backbone: What the tracker will have.
        width: Channels of its last features.
        classes: Of images.
        head_width: Channels of a pointwise convolution before the mean; None: there is none.
        dropout: Share of the linear layer's inputs that are left out while training.
    """

    def __init__(
        self, backbone: Backbone, width: int, classes: int, *, head_width: int | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Identity() if head_width is None else classifier_head(width, head_width)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(head_width or width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images ``(batch, 3, height, width)`` to logits ``(batch, classes)``."""
        *_, features = self.backbone.features(images)
        return self.classifier(self.dropout(self.head(features).mean(dim=(2, 3))))


def classifier_head(width: int, head_width: int) -> nn.Module:
    """The pointwise convolution before the mean, with its norm and activation."""
    return nn.Sequential(nn.Conv2d(width, head_width, 1, bias=False), nn.BatchNorm2d(head_width), nn.SiLU())
