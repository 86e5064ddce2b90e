"""The photographs of the demo: real ones, which scikit-image and scikit-learn bring. Other samples show them, too."""

from __future__ import annotations

import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

PACKAGES = Path(sysconfig.get_path("purelib"))


@dataclass(frozen=True)
class Picture:
    """A photograph: the name that it gets, its path in the installed packages, and who made it under which licence."""

    name: str
    path: str
    licence: str


PICTURES = (
    Picture("coffee.png", "skimage/data/coffee.png", "Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0"),
    Picture("cat.png", "skimage/data/chelsea.png", "Stefan van der Walt, CC0"),
    Picture("astronaut.png", "skimage/data/astronaut.png", "NASA, public domain"),
    Picture("launch.jpg", "skimage/data/rocket.jpg", "SpaceX, public domain"),
    Picture("galaxies.jpg", "skimage/data/hubble_deep_field.jpg", "NASA, public domain"),
    Picture("temple.jpg", "sklearn/datasets/images/china.jpg", "danielbuechele, CC BY 2.0"),
    Picture("flower.jpg", "sklearn/datasets/images/flower.jpg", "vultilion, CC BY 2.0"),
)


def copy(folder: Path) -> None:
    """Writes all photographs into the folder, as the packages have them."""
    for picture in PICTURES:
        shutil.copyfile(PACKAGES / picture.path, folder / picture.name)
