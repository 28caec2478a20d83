"""The carrier's stock: NANP numbers that look real, in an order that is the same in every fresh sandbox.

Every area code of the United States and Canada has plenty, but those in `SOLD_OUT`, so that best effort can be seen: if
none is free there, the service buys some other number of the country (DOCS phone-numbers).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

SOLD_OUT = frozenset({"907", "867"})
"""Area codes of which nothing is ever free: Alaska, and Canada's northern territories."""
COUNTRIES = ("US", "CA")
_FIRST_CHOICE = {"US": "628", "CA": "437"}

_US = """
AL Birmingham 205 251 256 334 659 938|AK Anchorage 907|AZ Phoenix 480 520 602 623 928|AR Little-Rock 327 479 501 870
CA San-Francisco 415 628|CA Los-Angeles 213 310 323 424 818 747|CA San-Diego 619 858|CA Oakland 510 341
CA San-Jose 408 669
CA Sacramento 279 916 209 350 369 442 530 559 562 626 650 657 661 707 714 760 805 820 831 840 909 925 949 951
CO Denver 303 719 720 970 983|CT Hartford 203 475 860 959|DE Wilmington 302|DC Washington 202 771|FL Miami 305 786 645
FL Orlando 239 321 324 352 386 407 448 561 656 689 727 728 754 772 813 850 863 904 941 954
GA Atlanta 229 404 470 478 678 706 762 770 912 943|HI Honolulu 808|ID Boise 208 986
IL Chicago 217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872
IN Indianapolis 219 260 317 463 574 765 812 930|IA Des-Moines 319 515 563 641 712|KS Wichita 316 620 785 913
KY Louisville 270 364 502 606 859|LA New-Orleans 225 318 337 504 985|ME Portland 207
MD Baltimore 227 240 301 410 443 667|MA Boston 339 351 413 508 617 774 781 857 978
MI Detroit 231 248 269 313 517 586 616 679 734 810 906 947 989|MN Minneapolis 218 320 507 612 651 763 924 952
MS Jackson 228 601 662 769|MO Saint-Louis 235 314 417 557 573 636 660 816 975|MT Billings 406|NE Omaha 308 402 531
NV Las-Vegas 702 725 775|NH Manchester 603|NJ Newark 201 551 609 640 732 848 856 862 908 973|NM Albuquerque 505 575
NY New-York 212 332 347 646 718 917 929|NY Buffalo 315 329 363 516 518 585 607 624 631 680 716 838 845 914 934
NC Charlotte 252 336 472 704 743 828 910 919 980 984|ND Fargo 701
OH Columbus 216 220 234 283 326 330 380 419 436 440 513 567 614 740 937|OK Tulsa 405 539 572 580 918
OR Portland 458 503 541 971|PA Philadelphia 215 223 267 272 412 445 484 570 582 610 717 724 814 835 878
RI Providence 401|SC Charleston 803 821 839 843 854 864|SD Sioux-Falls 605|TN Nashville 423 615 629 731 865 901 931
TX Austin 512 737|TX Houston 281 346 713 832|TX Dallas 214 469 945 972
TX San-Antonio 210 254 325 361 409 430 432 621 682 726 806 817 830 903 915 936 940 956 979
UT Salt-Lake-City 385 435 801|VT Burlington 802|VA Richmond 276 434 540 571 686 703 757 804 826 948
WA Seattle 206 253 360 425 509 564|WV Charleston 304 681|WI Milwaukee 262 274 353 414 534 608 715 920|WY Cheyenne 307
"""
_CA = """
AB Calgary 368 403 587 780 825|BC Vancouver 236 250 257 604 672 778|MB Winnipeg 204 431 584|NB Moncton 428 506
NL St.-John's 709 879|NS Halifax 782 902|NT Yellowknife 867|ON Toronto 416 437 647 942
ON Ottawa 226 249 289 343 365 382 519 548 613 683 705 742 753 807 905
QC Montreal 263 354 367 418 438 450 468 514 579 581 819 873|SK Regina 306 474 639
"""
_ZIPS = ("CT MA ME NH NJ RI VT", "DE NY PA", "DC MD NC SC VA WV", "AL FL GA MS TN", "IN KY MI OH", "IA MN MT ND SD WI")
_ZIP_STATES = (*_ZIPS, "IL KS MO NE", "AR LA OK TX", "AZ CO ID NM NV UT WY", "AK CA HI OR WA")
"""The states of each first digit of a ZIP code."""


@dataclass(frozen=True, slots=True)
class Area:
    """One area code and where it is."""

    code: str
    country: str
    state: str
    city: str


def _areas() -> Iterator[Area]:
    for country, table in (("US", _US), ("CA", _CA)):
        for line in table.replace("|", "\n").split("\n"):
            if line:
                state, city, *codes = line.split()
                yield from (Area(code, country, state, city.replace("-", " ")) for code in codes)


AREAS: dict[str, Area] = {area.code: area for area in _areas()}

_SERVICE = {*range(211, 1000, 100), 555, 950, 958, 959, 976}
_EXCHANGES = tuple(str(code) for code in range(200, 1000) if code not in _SERVICE)
_SPACE = len(_EXCHANGES) * 10_000
_STRIDE = 6_364_141
"""A prime that does not divide the space, so that stepping by it meets every number once."""


def _at(code: str, turn: int) -> str:
    spot = (int(code) * 104_729 + turn * _STRIDE) % _SPACE
    return f"+1{code}{_EXCHANGES[spot // 10_000]}{spot % 10_000:04d}"


def _taken(db: sqlite3.Connection, phone: str) -> bool:
    found = db.execute("SELECT 1 FROM numbers WHERE phone_number = ? LIMIT 1", (phone,)).fetchone()
    return found is not None


def _free(db: sqlite3.Connection, code: str) -> Iterator[tuple[int, str]]:
    """Yield the free numbers of an area code with their turns; released ones never come back."""
    row = db.execute("SELECT sold FROM stock WHERE area_code = ?", (code,)).fetchone()
    for turn in count(row["sold"] if row else 0):
        phone = _at(code, turn)
        if not _taken(db, phone):
            yield turn, phone


def in_stock(code: str | None, country: str) -> bool:
    """Whether a number of this area code and country can be had."""
    return code in AREAS and AREAS[code].country == country and code not in SOLD_OUT


def take(db: sqlite3.Connection, country: str, wish: str | None) -> str:
    """Take a number out of stock: of the area code wished for, else of the country's first choice."""
    code = wish if wish is not None and in_stock(wish, country) else _FIRST_CHOICE[country]
    turn, phone = next(_free(db, code))
    db.execute("INSERT OR REPLACE INTO stock (area_code, sold) VALUES (?, ?)", (code, turn + 1))
    return phone


def search(
    db: sqlite3.Connection, limit: int, country: str, code: str | None, place: tuple[str | None, str | None, str | None]
) -> list[tuple[str, Area]]:
    """Return numbers that could be had, taking none; `place` is city, state and ZIP code, each if asked for."""
    city, state, zip_code = place
    near = _ZIP_STATES[int(zip_code[0])].split() if zip_code and zip_code[0].isdecimal() else None
    areas = [
        area
        for area in AREAS.values()
        if in_stock(area.code, country)
        and code in {None, area.code}
        and (city is None or area.city.lower() == city.lower())
        and (state is None or area.state == state.upper())
        and (near is None or area.state in near)
    ]
    first = _FIRST_CHOICE[country]
    areas.sort(key=lambda area: area.code != first)
    offers = ((phone, area) for area in areas for _, phone in islice(_free(db, area.code), limit))
    return list(islice(offers, limit))
