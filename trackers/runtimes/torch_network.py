"""A torch network behind the tracker's protocol of arrays."""

import numpy as np
import torch
from torch import Tensor

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork


class TorchNetwork:
    """Runs a `SiameseNetwork` for the tracker: arrays in, arrays out, eval mode, no gradients.

    Args:
        network: A plain network; it is put into eval mode and moved to the device.
        device: "cpu", "cuda" ...

    Raises:
        InputError: Torch does not know the device, or cannot use it here.
    """

    def __init__(self, network: SiameseNetwork, device: str = "cpu") -> None:
        try:
            self.device = torch.device(device)
            self._network = network.eval().to(self.device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"device '{device}' cannot be used here: {str(error).splitlines()[0]}") from None
        self.template_size = network.geometry.template_size
        self.search_sizes = network.geometry.search_sizes
        self.stride = network.stride

    @torch.inference_mode()
    def template(self, image: np.ndarray) -> Tensor:
        """See `ArrayNetwork.template`; the features stay on the device."""
        return self._network.template(torch.from_numpy(image).to(self.device))

    @torch.inference_mode()
    def track(self, features: Tensor, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `ArrayNetwork.track`."""
        logits, distances = self._network.track(features, torch.from_numpy(image).to(self.device))
        return logits.cpu().numpy(), distances.cpu().numpy()
