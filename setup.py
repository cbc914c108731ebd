"Everything about the package stands in settings.ini."

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

config = ConfigParser(delimiters=["="])
config.read(Path(__file__).parent / "settings.ini", encoding="utf-8")
settings = config["DEFAULT"]

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    license=settings["license"],
    keywords=settings["keywords"].split(),
    classifiers=settings["classifiers"].strip().splitlines(),
    url=settings["url"],
    project_urls={
        "Source": settings["url"],
        "Documentation": settings["docs_url"],
        "Changelog": f"{settings['url']}/blob/main/CHANGELOG.md",
    },
    packages=find_packages(include=["linknet_fastai", "linknet_fastai.*"]),
    package_data={"linknet_fastai": ["py.typed"], "linknet_fastai.reports": ["report.html.j2"],
                  "linknet_fastai.deploy": ["page/*", "*.j2"]},
    python_requires=f">={settings['min_python']}",
    install_requires=settings["requirements"].split(),
    extras_require={name: settings[f"{name}_requirements"].split()
                    for name in ("tensorboard", "wandb", "export", "openvino", "demo", "geo", "video", "docs",
                                 "dev")},
    entry_points={"console_scripts": [settings["console_scripts"]]},
)
