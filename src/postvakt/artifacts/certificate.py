"""X.509 certificates in files: DER and PEM, with the names that they stand for."""

import base64
import binascii
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader, batches

if TYPE_CHECKING:
    # Loaded by what reads a certificate: it takes as long as all of our own readers, and few files need it.
    from cryptography import x509

CERTIFICATE = TableSpec(
    name="certificate",
    title="Certificates",
    locator="record",
    columns=(
        Column("common_name", kind="domain"),
        Column("names", "strings", kind="domain", about="its other DNS names"),
        Column("addresses", "strings", kind="ip", about="its IP addresses"),
        Column("subject"),
        Column("issuer"),
        Column("self_signed", "bool", about="issuer and subject are one; the signature is not checked"),
        Column("serial", about="hexadecimal"),
        Column("not_before", "time"),
        Column("not_after", "time"),
        Column("sha1", kind="hash", about="the thumbprint, as Windows shows it"),
        Column("sha256", kind="hash"),
    ),
)
"""`time` is not_before; `locator` the certificate's number within the file, from 1."""

ARTIFACT = Artifact(
    name="certificate",
    title="Certificates",
    tables=("certificate",),
    where="*.cer, *.crt, *.pem, *.der",
    paths=(r"\.(cer|crt|der)$",),
    heads=(
        rb"(?m)^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----",
        rb"(?s)\A\x30[\x81-\x83].{1,3}?\x30[\x81-\x83].{1,3}?\xa0\x03\x02\x01[\x00-\x02]\x02",
    ),
)
LIMIT = 8 * 1024 * 1024
"""Bytes of a file that are read; a whole store of roots has a tenth of it."""

MOST_NAMES = 1000
PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)(?:-----END (?:X509 |TRUSTED )?CERTIFICATE-----|\Z)",
    re.DOTALL,
)
KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")


def parse(source: Source) -> Iterator[Read]:
    """Yield the certificates of a file, and what could not be read."""
    troubles = Troubles("certificate")
    yield from batches(CERTIFICATE, _records(source, troubles))
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(CERTIFICATE,), parse=parse)


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any]]:
    with source.open() as stream:
        content = stream.read(LIMIT + 1)
    if len(content) > LIMIT:
        troubles.note("limited", f"is read up to {LIMIT} bytes", None)
        content = content[:LIMIT]
    if KEY.search(content):
        troubles.note("unsupported", "a private key lies in the file; it is not read", None)
    from cryptography import x509

    for number, raw in enumerate(_encoded(content), 1):
        try:
            der = raw if raw[:1] == b"\x30" else base64.b64decode(raw)
            yield {"locator": number, **_record(der, number, troubles)}
        except (ValueError, binascii.Error, x509.InvalidVersion, UnicodeError) as why:
            troubles.note("unparsed", f"no certificate: {str(why)[:200]}", number)


def _encoded(content: bytes) -> Iterator[bytes]:
    if content[:1] == b"\x30":
        yield content
    else:
        yield from (found[1] for found in PEM.finditer(content))


def _record(der: bytes, number: int, troubles: Troubles) -> dict[str, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    with warnings.catch_warnings():
        # Old certificates break today's rules; what they say is wanted all the same.
        warnings.simplefilter("ignore")
        found = x509.load_der_x509_certificate(der)
        common = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names, addresses = _other_names(found, number, troubles)
        return {
            "time": found.not_valid_before_utc,
            "common_name": str(common[0].value) if common else None,
            "names": names,
            "addresses": addresses,
            "subject": found.subject.rfc4514_string(),
            "issuer": found.issuer.rfc4514_string(),
            "self_signed": found.subject == found.issuer,
            "serial": f"{found.serial_number:X}",
            "not_before": found.not_valid_before_utc,
            "not_after": found.not_valid_after_utc,
            "sha1": found.fingerprint(hashes.SHA1()).hex(),
            "sha256": found.fingerprint(hashes.SHA256()).hex(),
        }


def _other_names(found: "x509.Certificate", number: int, troubles: Troubles) -> tuple[list[str], list[str]]:
    from cryptography import x509

    try:
        told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [], []
    except (x509.DuplicateExtension, ValueError) as why:
        troubles.note("unparsed", f"its other names cannot be read: {str(why)[:200]}", number)
        return [], []
    names = told.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in told.get_values_for_type(x509.IPAddress)]
    if len(names) > MOST_NAMES or len(addresses) > MOST_NAMES:
        troubles.note("limited", f"more than {MOST_NAMES} other names; the rest is not kept", number)
    return names[:MOST_NAMES], addresses[:MOST_NAMES]
