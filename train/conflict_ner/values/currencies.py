"""Units of money, as reports write them: symbols, codes of ISO 4217 and names.

A unit is the ISO code where the words decide which currency is meant (`$`, `naira`, `Sudanese pounds`), otherwise the
plain name in the plural (`pesos`, `dinars`): many countries have pesos, and the country is often not in the mention.

>>> CURRENCIES["us $"], CURRENCIES["sudanese pounds"], CURRENCIES["peso"], CURRENCIES["etb"]
('USD', 'SDG', 'pesos', 'ETB')
"""

from __future__ import annotations

_ISO_4217 = """
    AED AFN AMD AOA ARS AUD AZN BAM BBD BDT BGN BHD BIF BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP
    CVE CZK DEM DJF DKK DOP DZD EGP ERN ETB EUR FJD GBP GEL GHS GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR
    ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR
    MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
    SLE SLL SOS SRD SSP STN SYP SZL THB TJS TMT TND TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND XAF XOF YER ZAR ZMW ZWD
    ZWL
"""  # without ALL, a word that stands before other numbers

_SYMBOLS = {
    "USD": "$|us $|$ us|u s $",
    "GBP": "£",
    "EUR": "€",
    "NGN": "₦|n",
    "BRL": "r $",
    "CAD": "c $|ca $|can $",
    "AUD": "a $|au $",
    "NZD": "nz $",
    "HKD": "hk $",
    "ZWD": "z $",
    "ZAR": "r",
    "JPY": "¥",
    "IDR": "rp",
    "SAR": "sr",
    "JOD": "jd",
    "PLN": "zl|zł",
    "UAH": "hr|₴",
    "KES": "kshs|ksh",
    "INR": "₹",
    "RUB": "₽",
    "ILS": "₪",
    "TRY": "₺",
    "PHP": "₱",
    "KRW": "₩",
    "VND": "₫",
    "THB": "฿",
    "rupees": "rs|₨",
    "shillings": "shs|sh",
    "CFA francs": "cfa|fcfa|f cfa",
    "K": "k",
    "P": "p",
}
_NAMES = {
    "USD": "dollar|dollars|us dollar|us dollars|u s dollars|american dollars",
    "GBP": "quid|pounds sterling|british pounds",
    "EUR": "euro|euros",
    "NGN": "naira|nairas",
    "JPY": "yen",
    "CNY": "yuan",
    "UAH": "hryvnia|hryvnias|hryvnya",
    "ZAR": "rand",
    "IDR": "rupiah",
    "PLN": "zloty|zlotys|złoty",
    "BRL": "reais",
    "CFA francs": "cfa francs|cfa franc|francs cfa|franc cfa",
    "rupees": "rupee|rupees",
    "shillings": "shilling|shillings",
    "roubles": "rouble|roubles|ruble|rubles",
    "pounds": "pound|pounds",
    "cents": "cent|cents",
    "pence": "penny|pence",
    "bolívares": "bolívar|bolívares|bolivar|bolivares|bolivars",
    "guaraníes": "guaraní|guaraníes|guarani|guaranies",
    "colones": "colón|colones|colon",
    "soles": "sol|soles",
    "leva": "lev|leva",
    "lei": "leu|lei",
    "lira": "lira|liras|lire",
    "kronor": "krona|kronor",
    "kroner": "krone|kroner",
    "quetzales": "quetzal|quetzales",
    "riyals": "riyal|riyals",
}
_NAMES_WITH_S = """
    peso franc dinar rial mark shekel afghani gourde inti sucre córdoba cordoba boliviano lempira escudo dirham guilder
    drachma peseta cedi forint leone cruzeiro cruzado
"""
_NAMES_WITHOUT_PLURAL = """
    kuna kyat birr baht taka won dong tenge som somoni manat lari dram kwacha dalasi ariary pula nakfa ringgit riel kip
    meticais bolivars
"""
_BY_COUNTRY = {
    "dollars": "AUD australian|CAD canadian|HKD hong kong|LRD liberian|NAD namibian|NZD new zealand|ZWD zimbabwean",
    "pounds": "EGP egyptian|LBP lebanese|SDG sudanese|SSP south sudanese|SYP syrian",
    "dinars": "BHD bahraini|DZD algerian|IQD iraqi|JOD jordanian|KWD kuwaiti|LYD libyan|RSD serbian|TND tunisian",
    "rupees": "INR indian|LKR sri lankan|MUR mauritian|NPR nepalese|NPR nepali|PKR pakistani",
    "pesos": "ARS argentine|CLP chilean|COP colombian|CUP cuban|DOP dominican|MXN mexican|PHP philippine|UYU uruguayan",
    "shillings": "KES kenyan|SOS somali|TZS tanzanian|UGX ugandan",
    "francs": "BIF burundian|CDF congolese|CHF swiss|DJF djiboutian|GNF guinean|RWF rwandan",
    "rials": "IRR iranian|OMR omani|YER yemeni",
    "riyals": "QAR qatari|SAR saudi",
    "roubles": "BYN belarusian|RUB russian",
    "rubles": "BYN belarusian|RUB russian",
    "lira": "LBP lebanese|SYP syrian|TRY turkish",
    "kwacha": "MWK malawian|ZMW zambian",
    "shekels": "ILS israeli|ILS new",
}


def _table() -> dict[str, str]:
    """Return the unit of every symbol, code and name, in lower case, with a space between its parts."""
    table = {code.lower(): code for code in _ISO_4217.split()}
    for unit, names in [*_SYMBOLS.items(), *_NAMES.items()]:
        table |= dict.fromkeys(names.split("|"), unit)
    for name in _NAMES_WITH_S.split():
        table |= dict.fromkeys((name, f"{name}s"), f"{name}s")
    table |= {name: name for name in _NAMES_WITHOUT_PLURAL.split()}
    for name, countries in _BY_COUNTRY.items():
        for entry in countries.split("|"):
            code, _, country = entry.partition(" ")
            table[f"{country} {name}"] = code
    return table | {"bolivars": "bolívares", "cordobas": "córdobas", "cordoba": "córdobas"}


CURRENCIES = _table()
