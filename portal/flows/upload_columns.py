"""Which column of a file holds what, by the names that shops give their columns in three languages."""

import unicodedata
from collections.abc import Mapping, Sequence

FIELDS = ("sku", "title", "barcode", "image")

# The likelier names come first; they are compared without case, spaces and signs.
KNOWN: Mapping[str, Sequence[str]] = {
    "sku": (
        *("sku", "skucode", "sellersku", "merchantsku", "skuseller", "skuid", "productsku", "variantsku", "itemsku"),
        *("productcode", "itemcode", "articlenumber", "itemnumber", "outerid", "isvgoodsno", "sellergoodssign"),
        *("kodesku", "skuproduk", "skupenjual", "skuinduk", "nomorsku", "kodeproduk", "kodebarang"),
        *("sku编码", "商家sku", "sku码", "商家编码", "商品编码", "货号", "商品货号", "商家货号", "产品编码", "编码"),
    ),
    "title": (
        *("title", "name", "productname", "producttitle", "itemname", "itemtitle", "goodsname", "skuname"),
        *("judul", "nama", "namaproduk", "judulproduk", "namabarang"),
        *("标题", "名称", "商品名称", "商品标题", "产品名称", "品名", "货品名称"),
    ),
    "barcode": (
        *("barcode", "ean", "ean13", "gtin", "upc", "upccode", "barcodes"),
        *("kodebatang", "kodebar", "barkode"),
        *("条码", "条形码", "商品条码", "商品条形码", "国际条码", "69码"),
    ),
    "image": (
        *("image", "imageurl", "imagelink", "mainimage", "picture", "pictureurl", "photo", "imagesrc", "image1"),
        *("gambar", "foto", "fotoproduk", "gambarproduk", "urlgambar", "tautangambar", "gambarutama"),
        *("图片", "主图", "商品图片", "商品主图", "图片链接", "图片地址", "主图链接"),
    ),
}


def plain(name: str) -> str:
    """The name of a column by which it is recognised."""
    return "".join(each for each in unicodedata.normalize("NFKC", name).casefold() if each.isalnum())


def guessed(head: Sequence[str]) -> dict[str, int]:
    """By field, the place of the column that is most likely meant; a field that no column names is left out."""
    names = [plain(each) for each in head]
    found = {}
    for field, known in KNOWN.items():
        places = [names.index(each) for each in known if each in names]
        if places:
            found[field] = places[0]
    return found


def doubled(head: Sequence[str]) -> dict[str, list[int]]:
    """Names that several columns have, with their places."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(head):
        if name.strip():
            places.setdefault(name.strip(), []).append(place)
    return {name: where for name, where in places.items() if len(where) > 1}
