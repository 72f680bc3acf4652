"""What is right of the odd images: slides, tiles, features of tiles, volumes."""

from __future__ import annotations

from pathlib import Path

from case_right import Check, Right

_VOLUMES = "python -m data_modules.ingest.volumes --config-dir <out>/{0}/conf cohort=mine cache=<out>/{0}/cache"
_SLIDES = "python -m data_modules.ingest.slides --config-dir <out>/{0}/conf cohort=mine cache=<out>/{0}/cache"
_TRAIN = (
    "python -m fusion.train --config-dir <out>/{0}/conf +experiment=breast_tcga cohort=mine cache=<out>/{0}/cache "
    "output=<out>/{0}/run folds.outer=2 folds.inner=2 arms=[fusion] trainer.max_epochs=2 trainer.min_epochs=1 "
    "evaluation.draws=50 workers=1 logger=none"
)
_TILES = (
    "python -m fusion.train +experiment=histology_tiles model/encoder@model.encoders.tiles=cnn "
    "cohort.root=<out>/{0}/tiles cache=<out>/{0}/cache output=<out>/{0}/run modality.tiles.size=32 folds.outer=2 "
    "folds.inner=2 arms=[fusion] trainer.max_epochs=1 trainer.min_epochs=1 trainer.encoder_learning_rate=null "
    "evaluation.draws=50 workers=1 logger=none"
)


def rows(name: str, **wanted: dict[str, object]) -> Check:
    """Checks columns of quality.csv: file (``.`` written ``_``) → column → value, numbers within 1 %."""

    def check(folder: Path) -> str | None:
        import pandas as pd

        (place,) = (folder / name / "cache").glob("*_sets/*/quality.csv")
        table = pd.read_csv(place)
        key = "file" if "tiles_kept" in table else "patient"
        table = table.set_index(table[key].str.replace(".", "_", regex=False))
        for row, columns in wanted.items():
            if row not in table.index:
                return f"{row} is not among {', '.join(table.index)}"
            for column, value in columns.items():
                found = table.loc[row, column]
                same = abs(found - value) <= 0.01 * abs(value) if isinstance(value, int | float) else found == value
                if not same:
                    return f"{column} of {row} is {found}, not {value}"
        return None

    return check


def read(command: str, name: str, *words: str, **wanted: dict[str, object]) -> Right:
    return Right(read=words, command=command.format(name), check=rows(name, **wanted) if wanted else None)


def refused(command: str, name: str, *words: str) -> Right:
    return Right(refused=words, command=command.format(name))


_WHOLE: dict[str, object] = {"shape": "48×48×40", "foreground_ml": 214, "highest": 300}

IMAGES: dict[str, tuple[Right, ...]] = {
    "complex_nifti": (refused(_VOLUMES, "complex_nifti", r"P004/t1\.nii\.gz .*complex64.*save the magnitude"),),
    "ct_no_rescale": (
        refused(_VOLUMES, "ct_no_rescale", r"P004/ct lacks RescaleSlope in 40 of 40"),
        refused(_VOLUMES, "ct_empty_rescale", r"P004/ct lacks RescaleSlope in 40 of 40"),
        refused(_VOLUMES, "rescale_partial", r"P004/t1 lacks RescaleSlope in 1 of 40 files, e\.g\. IM021"),
    ),
    "dce_same_description": (
        refused(_VOLUMES, "dce_same_description", r"ax dyn vibrant/5 and .*ax dyn vibrant/6", r"one of these names"),
    ),
    "dicom_colour": (
        refused(_VOLUMES, "dicom_colour", r"P004/t1 is a series in colour \(SamplesPerPixel 3\)"),
        refused(_VOLUMES, "nifti_rgb", r"P004/t1\.nii\.gz is a picture in colour"),
    ),
    "dicom_flat_folder": (
        read(
            _SLIDES,
            "dicom_flat_folder",
            r"found 8 files, used 4, left out 4: 4 further files of a DICOM slide",
            "4 slides",
        ),
        read(_SLIDES, "dicom_two_slides_a_patient", "8 slides"),
    ),
    "dicom_no_meta": (
        read(_VOLUMES, "dcm_no_preamble", "4 patients, 4 volumes", P004=_WHOLE),
        read(_VOLUMES, "dcm_no_syntax", "4 patients, 4 volumes", P004=_WHOLE),
    ),
    "dicom_same_names": (read(_SLIDES, "dicom_same_names", "4 slides"),),
    "features_two_magnifications": (
        refused(_TRAIN, "f_mixed", r"24 of 32 files are 256 µm wide, but P025\.h5 has 1024 µm"),
        Right(
            before=(_TRAIN.format("f_same"),),
            command="python -m fusion.predict --config-dir <out>/f_other/conf run=<out>/f_same/run cohort=mine "
            "cache=<out>/c output=<out>/pred",
            refused=(r"1024\.0 here, but the run was trained with 256\.0",),
        ),
    ),
    "label_as_level": (
        read(_SLIDES, "label_as_level", "4 slides", P004_tif={"tiles_kept": 75}, P003_tif={"tiles_kept": 75}),
    ),
    "links_not_followed": (
        read(_VOLUMES, "vol_symlinked", "4 patients, 4 volumes"),
        refused(_VOLUMES, "vol_broken_link", r"links to nothing \(volumes/P004/t1\.nii\.gz\)"),
        read(_SLIDES, "slides_symlinked", "4 slides"),
        read(_TILES, "img_linked_class4", "48 cases of 4 classes"),
    ),
    "mask_elsewhere": (
        *(
            refused(
                _VOLUMES,
                f"mask_{odd}",
                r"P004/seg_mask\.nii\.gz has the voxels of volumes/P004/t1\.nii\.gz but another",
            )
            for odd in ("identity", "flipped", "shifted")
        ),
        read(_VOLUMES, "mask_rounding_must_pass", "4 patients, 4 volumes"),
    ),
    "mpp_number_no_mend": (
        Right(
            command=_SLIDES.format("mpp_number_no_mend") + " modality.slides.mpp=0.25",
            refused=(r"P003\.tif has 0\.025", r"mapping of file name to microns per pixel"),
        ),
    ),
    "ome_macro_first": (
        read(_SLIDES, "ome_macro_first", "4 slides", P004_ome_tif={"width": 2048, "height": 2048, "mpp": 0.5}),
    ),
    "ome_units_entity": (
        refused(_SLIDES, "ome_units_entity", r"1 of 8 slides .*P008\.ome\.tif .*'micron' is no unit of OME's"),
    ),
    "padded_levels": (
        read(_SLIDES, "padded_levels", "4 slides", P003_tif={"tiles_kept": 80}, P004_tif={"tiles_kept": 80}),
    ),
    "renamed_and_doubled": (
        read(_SLIDES, "same_bytes_two_patients", r"P001\.tif of P001 = P004\.tif of P004", P001_tif={}, P004_tif={}),
    ),
    "rgb_12_in_16": (read(_SLIDES, "rgb_12_in_16", "4 slides", P004_ome_tif={"tissue_mm2": 0.096}),),
    "root_with_brackets": (
        Right(
            command='python -m fusion.train +experiment=histology_tiles "cohort.root=<out>/root (1)/tiles" '
            "output=<out>/o",
            refused=(r"""quotes .* 'cohort\.root="[^"]*/root \(1\)/tiles"'""",),
        ),
        # As the message says to write it: what is read is the folder, brackets and all.
        Right(
            command=_TILES.replace("cohort.root=<out>/{0}/tiles", "'cohort.root=\"<out>/{0} (1)/tiles\"'").format(
                "root"
            ),
            read=("36 cases of 3 classes",),
        ),
    ),
    "series_in_subfolders": (
        read(_VOLUMES, "series_in_subfolders", "4 patients, 4 volumes", P004=_WHOLE),
        refused(_VOLUMES, "series_halved", r"its `match` finds none of 4 volumes"),
    ),
    "slides_hidden_files": (
        read(
            _SLIDES, "slides_hidden_files", r"used 4, left out [45]: 2 hidden .* that are no slides by name or content"
        ),
    ),
    "special_stains": (
        read(
            _SLIDES,
            "special_stains",
            r"P002_masson\.tif .*100% of all but glass was taken for pen\. If it is not, take it out of tissue\.reject",
            r"unlike the rest of the cohort: P001_pale\.tif \(tissue",
        ),
    ),
    "tiff_cut": (
        refused(_SLIDES, "ome_cut", r"P004\.ome\.tif .*cut short: it has 517,117 bytes", "Copy them again"),
        refused(_SLIDES, "tif_cut", r"P004\.tif .*cut short: it has 696,046 bytes", "Copy them again"),
    ),
    "tiles_split_on_top": (refused(_TILES, "tiles_split_on_top", r"parts of a split, not as classes", r"tiles/train"),),
    "tiles_truncated": (refused(_TILES, "tiles_truncated", r"1 of 36 images cannot be read: .* is truncated"),),
    # Before anything runs: no fold has begun.
    "tiles_two_classes_late": (refused(_TILES, "tiles_two_classes_late", r"^(?!.*Training arms)", "response"),),
    "upsampled": (refused(_SLIDES, "upsampled", r"5 microns per pixel, coarser than the 0\.5 .*enlarged 10-fold"),),
    "volumes_side_files": (read(_VOLUMES, "volumes_side_files", r"used 4, left out 6", "4 patients, 4 volumes"),),
}
