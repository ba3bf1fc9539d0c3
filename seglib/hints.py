"""What names of columns suggest, in a few languages; values decide."""

from __future__ import annotations

import re
from itertools import pairwise

WORDS = {
    "customer": "customer|client|kunde|kunden|user|member|household|account|subscriber|visitor"
    "|buyer|shopper|patient|donor|guest|cust|mitglied|nutzer|abonne|adherent|cliente|usuario"
    "|socio|respondent|participant|person|uid|hh|cardnumber|cardno|cardid|loyalty"
    "|kundenkarte|case|distinct|pseudo|kd|kdnr|kunag|kunnr",
    "respondent": "respondent|respondents|respondentid|participant|participantid|response"
    "|responseid|interview|befragte|befragter|teilnehmer|repondant|encuestado",
    "order": "order|ord|invoice|basket|receipt|ticket|transaction|txn|trans|bon|beleg|rechnung"
    "|bestellung|auftrag|commande|facture|pedido|factura|session|cart|purchase|bestell|checkout"
    "|booking|reservation|buchung",
    "product": "product|sku|item|stock|artikel|article|produit|producto|articulo|asin|isbn|ean"
    "|event|feature|action|activity|ereignis|evenement|evento|prod|track|song|movie|page|produkt"
    "|material",
    "amount": "amount|total|revenue|sales|turnover|betrag|umsatz|montant|importe|spend|paid|value"
    "|gross|net|subtotal|summe|ventes|chiffre|gesamt|monto|valor|amt|netto|brutto|erlos|gasto"
    "|depense|spesa|mrr",
    "price": "price|preis|einzelpreis|stuckpreis|unitprice|prix|precio|cost|rate",
    "quantity": "quantity|qty|menge|anzahl|units|unit|quantite|cantidad|stuck|pieces|pcs|count|cds",
    "discount": "discount|rabatt|remise|descuento|nachlass|disc|markdown|rebate|savings|saved"
    "|skonto|reduction",
    "coupon": "coupon|voucher|gutschein|promo|cupon|bon",
    "place": "store|shop|filiale|branch|location|place|standort|magasin|tienda|sucursal|outlet"
    "|venue|device|channel|kanal|canal|platform|markt",
    "campaign": "campaign|kampagne|campagne|campana|mailing|aktion|newsletter",
    "start": "start|begin|sent|beginn|debut|inicio|versand",
    "end": "end|ende|fin|until|expiry",
    "arm": "arm|variant|treatment|control|testgroup|abtest|experiment",
    "level": "category|subcategory|kategorie|categorie|categoria|class|subclass|type"
    "|warengruppe|genre",
    "group": "department|group|gruppe|family|famille|familia|division|section|abteilung"
    "|sortiment|segment|bereich|category|kategorie|categorie",
    "brand": "brand|marke|marque|marca|manufacturer|hersteller",
    "placed": "booked|created|ordered|placed|purchased|orderdate|purchasedate|bookingdate"
    "|bestelldatum|buchungsdatum|kaufdatum",
    "currency": "currency|currencycode|wahrung|waehrung|devise|moneda|valuta|ccy",
    "time": "date|time|timestamp|datetime|ts|t|at|when|day|created|ordered|datum|zeit|zeitpunkt|tag"
    "|fecha|hora|jour|heure|data|quando|epoch",
    "line": "line|lineitem|row|position|zeile|ligne|linea|rownames|index|unnamed",
}
DEMOGRAPHIC = (
    "age|alter|edad|gender|sex|geschlecht|sexe|genero|income|einkommen|revenu|ingresos|salary"
    "|education|bildung|marital|familienstand|married|household|haushalt|kids|children|kinder"
    "|enfants|hijos|occupation|beruf|profession|job|senior|seniorcitizen|partner|dependents"
    "|ethnicity|religion|size|homeownership|ownership|birthyear|old"
)
GEOGRAPHIC = (
    "city|stadt|ort|ville|ciudad|region|country|land|pays|pais|state|bundesland|province"
    "|provincia|county|district|zip|zipcode|plz|postcode|postal|urban|area|live|territory"
    "|latitude|longitude|lat|lon|lng"
)
OUTCOME = "churn|churned|cancelled|canceled|attrition|exited|target|label|defaulted|gekundigt|left"
PERSON = "name of a person"
PERSONAL = {
    PERSON: "firstname|lastname|surname|fullname|givenname|vorname|nachname|familienname|prenom"
    "|apellido|apellidos|username|customername|clientname|kundenname|forename|cognome",
    "name": "name|nom|nombre",
    "identity number": "ssn|dni|nif|passport|passportnumber|taxid|steuernummer|nationalid",
    "e-mail address": "email|mail|courriel|correo",
    "telephone number": "phone|telephone|telefon|tel|mobile|handy|movil|telefono|fax",
    "address": "address|adresse|street|strasse|anschrift|direccion|calle|rue|ipaddress|ip|iban",
    "user name": "handle|nickname|instagram|twitter|tiktok|mastodon",
    "date of birth": "birthdate|birthday|dob|dateofbirth|geburtsdatum|geburtstag",
}
FOLDED = str.maketrans("äöüéèêëàâçñíóúáôîûÄÖÜÉ", "aoueeeeaacniouaoiuAOUE")


def parts(name: str) -> list[str]:
    """Return the words of a name: 'CustomerID', 'customer_id' and 'Kunden-Nr.' in small letters."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    folded = spaced.replace("ß", "ss").translate(FOLDED).lower()
    words = re.findall(r"[a-z]+|\d+", folded)
    return [*words, *("".join(pair) for pair in pairwise(words))]


def suggests(name: str, *roles: str) -> bool:
    """Return whether a name has a word of any role, or one that it begins with (Kundennummer)."""
    return any(_has(name, WORDS[role]) for role in roles)


def is_id(name: str) -> bool:
    """Return whether a name says that it identifies something."""
    return _has(name, "id|ids|nr|no|num|number|nummer|key|code|uuid|guid|numero|kennung|ref")


def base(name: str) -> str:
    """Return the kind of an attribute: demographic, geographic, or else plan."""
    if _has(name, DEMOGRAPHIC):
        return "demographic"
    return "geographic" if _has(name, GEOGRAPHIC) else "plan"


def outcome(name: str) -> bool:
    """Return whether a name says that it is what a study would like to foresee."""
    return _has(name, OUTCOME)


def personal(name: str) -> str:
    """Return which personal data a name promises, empty if none."""
    return next((what for what, words in PERSONAL.items() if _has(name, words)), "")


def _has(name: str, words: str) -> bool:
    long = tuple(word for word in words.split("|") if len(word) >= 5)
    known = set(words.split("|"))
    found = parts(name)
    plural = {word.removesuffix("s") for word in found}
    return bool((set(found) | plural) & known) or any(word.startswith(long) for word in found)
