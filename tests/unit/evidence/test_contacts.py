"""Which e-mail addresses, phone numbers and tax ids of a page are its company's.

All companies are invented; their numbers have right check digits.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.evidence.contacts import contacts_in, is_company_mailbox
from orchestrator.evidence.tax_ids import TaxId
from orchestrator.evidence.texts import LONGEST_QUOTE, Quoted, single_spaced

EMAILS: list[tuple[str | None, str, list[str]]] = [
    ("ES", "Usamos Google Analytics. Contacto: info@acme.es", ["info@acme.es"]),
    ("ES", "Web diseñada por Pixelar. Escríbanos a info@acme.es", ["info@acme.es"]),
    ("CL", "Fono: (56-2) 2555 0101 - 2555 0102 E-mail: info@acme.cl", ["info@acme.cl"]),
    (
        "PT",
        "T: 210550101 | M: 912345678 | geral@acme.pt | Contribuinte: 501234560",
        ["geral@acme.pt"],
    ),
    ("ES", "📞912345678 ✉info@acme.es", ["info@acme.es"]),
    ("ES", "912345678 · info@acme.es", ["info@acme.es"]),
    ("ES", "info(at)acme(punto)es / info [@] acme.es / info{at}acme{dot}es", ["info@acme.es"]),
    ("ES", "Email: info @ acme.es", ["info@acme.es"]),
    ("GB", "t: 020 7946 0101 e: info@acme.co.uk w: acme.co.uk", ["info@acme.co.uk"]),
    (
        "ES",
        (
            "Fontanería Rúa, S.L. | C.I.F.: B-70000013 | Tel.: 912 34 56 78 | Fax: 912 34 56 "
            "79 | info@fontaneriarua.example"
        ),
        ["info@fontaneriarua.example"],
    ),
    (
        "ES",
        "ventas [arroba] acme [punto] es, compras(at)acme.es, info AT acme DOT es",
        ["ventas@acme.es", "compras@acme.es", "info@acme.es"],
    ),
    ("ES", "Contacta en INFO@ACME.ES. Gracias", ["info@acme.es"]),
    ("ES", 'Correo: <info@acme.es>; "ventas@acme.es"', ["info@acme.es", "ventas@acme.es"]),
    ("ES", "[Escríbenos](mailto:info@acme.es?subject=Hola%20a)", ["info@acme.es"]),
    ("ES", "img/hero@2x.jpg logo@acme.png usuario@ejemplo.com tu@email.com your@email.com", []),
    (
        "ES",
        (
            "La Autoridad de control es la AEPD, C/ Jorge Juan 6, tel. 901 100 099. Puede "
            "escribirnos a dpd@acme.es o al 912 345 678."
        ),
        ["dpd@acme.es"],
    ),
    (
        "ES",
        (
            "## Proveedor de hosting\n\nRaiola Networks\nTel. 982 776 "
            "081\nsoporte@raiolanetworks.example\n\n## Contacto\n\n912 345 678"
        ),
        [],
    ),
    (
        "ES",
        "Hosting: Nube S.L. (CIF A08010027, soporte@nube.example)\n\nTitular: Acme, CIF B70000013",
        [],
    ),
    (
        "ES",
        "© 2024 Acme · Aviso legal · Web by [Pixel](https://pixel.example) · hola@pixel.example",
        [],
    ),
    (
        "ES",
        "Desarrollado por Acme Studio | info@bodegas.example | 912 345 678",
        ["info@bodegas.example"],
    ),
    (
        "ES",
        "Ctra. N-340 km 12, 29640 Fuengirola\n952 345 678\ninfo@hotel.example",
        ["info@hotel.example"],
    ),
    ("ES", "T +34 912 345 678 F +34 912 345 679 E info@acme.es", ["info@acme.es"]),
    ("MX", "contacto@acme.com.mx | Profeco: 55 5568 8722", ["contacto@acme.com.mx"]),
    ("BR", "SAC 0800 555 0101. Procon: 151. contato@acme.com.br", ["contato@acme.com.br"]),
    (
        "PT",
        (
            "NIF: 501 234 560. Tel. 210 550 101 (Chamada para rede fixa nacional) Telemóvel: "
            "912 345 678 geral@acme.pt"
        ),
        ["geral@acme.pt"],
    ),
    ("GB", "You can complain to the ICO: 0303 123 1113, casework@ico.org.uk", []),
    ("ES", "follow us @acme.es look at acme.es", []),
    ("ES", "Zona Clientes\u200binfo@acme.es\u200b", ["info@acme.es"]),
    ("ES", "Email:info@acme.es Tel:912345678 CIF:B70000013", ["info@acme.es"]),
    (
        "ES",
        "**Email** info@acme.es\n\n**Teléfono**\n\n912 345 678\n\n**Fax**\n\n912 345 679",
        ["info@acme.es"],
    ),
    (
        "ES",
        "Delegación Norte\n\nCalle Sol 3, 48001 Bilbao · 944 123 456 · norte@acme.es",
        ["norte@acme.es"],
    ),
    (
        "ES",
        "info&commat;acme.es; info%40beta.es; a&#x40;gamma.es",
        ["info@acme.es", "info@beta.es", "a@gamma.es"],
    ),
]
PHONES: list[tuple[str | None, str, list[str]]] = [
    ("GB", "Regulated by the Financial Conduct Authority. Tel: 020 7946 0101", ["+442079460101"]),
    ("ES", "Inscrita en la Dirección General de Seguros. Tel. 912 345 678", ["+34912345678"]),
    ("ES", "Puede reclamar ante la Dirección General de Seguros. Tel. 912 345 678", []),
    ("CL", "Fono: (56-2) 2555 0101 - 2555 0102 E-mail: info@acme.cl", ["+56225550101"]),
    ("CO", "NIT No. 900.123.456-8, teléfono +57 6015550103, calle 72 No. 10-07", ["+576015550103"]),
    (
        "CO",
        "NIT: 900 123 456\u20118\nTeléfonos: +57  607 5550101  +57 310 5550102",
        ["+576075550101", "+573105550102"],
    ),
    (
        "ES",
        (
            "Usamos Google Analytics, de Google Ireland Limited, Gordon House, Dublin, "
            "Tel. +353 1 555 0101, privacy@google.com."
        ),
        [],
    ),
    ("ES", "Colegio Oficial de Farmacéuticos, tel. 912 345 678", []),
    ("ES", "NIF: Q-0000012-E Telephone: 91 234 56 78", ["+34912345678"]),
    ("MX", "Tel: 55.5555.0101 / 800 555 0101", ["+525555550101", "+528005550101"]),
    ("MX", "Lada sin costo 800-555-0101", ["+528005550101"]),
    ("MX", "Tel. 52 (55) 5555 0101", ["+525555550101"]),
    ("BR", "Tel.: 55 11 3555-0101", ["+551135550101"]),
    ("BR", "(11) 3555.0101 | (11) 9 5555-0101", ["+551135550101", "+5511955550101"]),
    ("BR", "Fone: 11 3555 0101 R. 12", ["+551135550101"]),
    (
        "AR",
        "Tel: +54 9 11 5555-0101 | Tel 0800-555-0101 | (0351) 455-5010",
        ["+5491155550101", "+548005550101", "+543514555010"],
    ),
    ("PT", "Telf. 210 550 101/2 Fax 210 550 103", ["+351210550101"]),
    (
        "PT",
        "T: 210550101 | M: 912345678 | geral@acme.pt | Contribuinte: 501234560",
        ["+351210550101", "+351912345678"],
    ),
    ("ES", "Tfno.: 91-234-56-78", ["+34912345678"]),
    ("ES", "Tel. (91) 234 56 78", ["+34912345678"]),
    ("ES", "Tel. 91.234.56.78 Móv. 612.345.678", ["+34912345678", "+34612345678"]),
    ("ES", "Tel: 0034912345678", ["+34912345678"]),
    ("ES", "Tel. 912 345 678 (4 líneas)", ["+34912345678"]),
    ("ES", "📞912345678 ✉info@acme.es", ["+34912345678"]),
    ("ES", "912345678 · info@acme.es", ["+34912345678"]),
    ("ES", "info(at)acme(punto)es / info [@] acme.es / info{at}acme{dot}es", []),
    ("ES", "Email: info @ acme.es", []),
    ("ES", "correo electrónico info arroba acme.es", []),
    ("ES", "Copyright 2009-2024. 20.000 m2, 612 345 678 m²", []),
    (
        "PE",
        "R.U.C. N° 20555001232 | Central: 555-0101 anexo 12 | Cel: +51 955501010",
        ["+51955501010"],
    ),
    ("EC", "Telf.: +593 2 255 0101 / 099 555 0101", ["+59322550101", "+593995550101"]),
    ("US", "Toll-free: 1 (800) 555-0199 Fax: (312) 555-0102", ["+18005550199"]),
    ("US", "Founded 1998-2020. SKU 312-555-0101-22. Tracking 9400 1118 9922", []),
    ("GB", "Tel 0207 946 0101 / +44 (0) 7700 900123", ["+442079460101", "+447700900123"]),
    ("GB", "t: 020 7946 0101 e: info@acme.co.uk w: acme.co.uk", ["+442079460101"]),
    ("FR", "SIRET 732 829 320 00074, Tél. 01 42 68 53 00", ["+33142685300"]),
    ("DE", "USt-IdNr.: DE136695976 Tel. +49 (0)30 901820", ["+4930901820"]),
    ("ES", "Fax +34 944 000 112, +34 944 000 111", ["+34944000111"]),
    (
        "ES",
        (
            "Fontanería Rúa, S.L. | C.I.F.: B-70000013 | Tel.: 912 34 56 78 | Fax: 912 34 56 "
            "79 | info@fontaneriarua.example"
        ),
        ["+34912345678"],
    ),
    ("ES", "Tel/Fax: 912 345 678", ["+34912345678"]),
    ("ES", "Tel. y Fax 91 234 56 78", ["+34912345678"]),
    ("ES", "Teléfonos: 912 345 678 / 612 345 678", ["+34912345678", "+34612345678"]),
    ("ES", "Teléfonos: 912345678 - 612345678", ["+34912345678", "+34612345678"]),
    ("ES", "Llámanos al 912345678 o escríbenos", ["+34912345678"]),
    ("ES", "[912 345 678](tel:+34912345678)", ["+34912345678"]),
    (
        "ES",
        (
            "[Llamar](tel:912345678) "
            "[WhatsApp](https://api.whatsapp.com/send?phone=34612345678&text=Hola)"
        ),
        ["+34912345678", "+34612345678"],
    ),
    (
        "ES",
        "| Teléfono | 912 345 678 |\n|---|---|\n| Fax | 912 345 679 |\n| CIF | A08010027 |",
        ["+34912345678"],
    ),
    ("ES", "Desde 12.345.678 € hasta 912.345.678 €. Ref. 912345678. Pedido 912345678", []),
    ("ES", "NIF del trabajador 12345678Z", []),
    ("ES", "Acme S.L. CIF B70000014", []),
    (
        "ES",
        (
            "La Autoridad de control es la AEPD, C/ Jorge Juan 6, tel. 901 100 099. Puede "
            "escribirnos a dpd@acme.es o al 912 345 678."
        ),
        ["+34912345678"],
    ),
    (
        "ES",
        (
            "Agencia Española de Protección de Datos\nC/ Jorge Juan, 6\n28001 Madrid\nTel. "
            "912 663 517\nwww.aepd.es\n\nAcme\nTel. 912 345 678"
        ),
        ["+34912345678"],
    ),
    (
        "ES",
        "Para reclamar ante la Agencia Española de Protección de Datos, llame al 900 293 183.",
        [],
    ),
    (
        "ES",
        (
            "## Proveedor de hosting\n\nRaiola Networks\nTel. 982 776 "
            "081\nsoporte@raiolanetworks.example\n\n## Contacto\n\n912 345 678"
        ),
        ["+34912345678"],
    ),
    ("ES", "Desarrollado por Acme Studio | info@bodegas.example | 912 345 678", ["+34912345678"]),
    (
        "ES",
        "Ctra. N-340 km 12, 29640 Fuengirola\n952 345 678\ninfo@hotel.example",
        ["+34952345678"],
    ),
    ("ES", "Madrid 28001 912 345 678", ["+34912345678"]),
    (
        "ES",
        "Tel. +34 912345678 (centralita) / +34 612345678 (móvil)",
        ["+34912345678", "+34612345678"],
    ),
    ("ES", "T +34 912 345 678 F +34 912 345 679 E info@acme.es", ["+34912345678"]),
    ("ES", "T. 912 345 678 F. 912 345 679", ["+34912345678"]),
    ("ES", "IBAN ES12 1234 5678 9012 3456 7890 BIC ABCDESMM", []),
    ("ES", "Fecha 12-03-2024 10:00 GPS 40.4167754, -3.7037902 ISBN 978 84 376 0494 7", []),
    ("ES", "Emergencias 112. Horario 09:00 - 14:00 / 16:00 - 19:00. Código 912345678", []),
    ("ES", "Atención al cliente 24h: 900 123 456", ["+34900123456"]),
    ("ES", "Lunes a viernes de 9 a 14 h Teléfono 912 345 678", ["+34912345678"]),
    (
        "MX",
        "R.F.C. TAC010203QX2. Tels. (55) 5555-0101 y 5555-0102. Cel. 55 5555 0103",
        ["+525555550101", "+525555550103"],
    ),
    (
        "MX",
        "Teléfono: 01 (55) 5555 0101; lada sin costo 01 800 555 0101",
        ["+525555550101", "+528005550101"],
    ),
    ("MX", "WhatsApp: +52 1 55 5555 0101", ["+525555550101"]),
    ("MX", "RFC: XAXX010101000 genérico. CURP GODE561231HDFRRN08. CLABE 012180001234567891", []),
    (
        "AR",
        "CUIT: 30-71234567-1 - Tel. (011) 4555-0101 / 0102 - Cel: 011 15-5555-0101",
        ["+541145550101", "+5491155550101"],
    ),
    ("AR", "CUIT 20-12345678-6 Juan", []),
    (
        "CO",
        "NIT. 900.123.456-8 PBX (601) 555 0101 Cel. 310 555 0101",
        ["+576015550101", "+573105550101"],
    ),
    ("CO", "Línea de atención SIC: 01 8000 910165. Superintendencia de Industria y Comercio", []),
    (
        "PE",
        "RUC: 20555001232. Teléfono: (01) 555-0101. Celular 955 501 010. Jr. Unión 123",
        ["+5115550101", "+51955501010"],
    ),
    (
        "CL",
        "Rut 76.123.456-0, fono +56 2 2555 0101, celular (+569) 5555 0101",
        ["+56225550101", "+56955550101"],
    ),
    ("CL", "Representante legal: RUT 12.345.678-5", []),
    (
        "BR",
        (
            "CNPJ: 11.222.333/0001-81 | Telefone: (11) 3555-0101 | WhatsApp (11) 95555-0101 "
            "| CEP 01310-100"
        ),
        ["+551135550101", "+5511955550101"],
    ),
    ("BR", "SAC 0800 555 0101. Procon: 151. contato@acme.com.br", ["+558005550101"]),
    ("BR", "Fone/Fax: (11) 3555-0101", ["+551135550101"]),
    ("BR", "Fones: (11) 3555-0101 / 3555-0102", ["+551135550101"]),
    (
        "PT",
        (
            "NIF: 501 234 560. Tel. 210 550 101 (Chamada para rede fixa nacional) Telemóvel: "
            "912 345 678 geral@acme.pt"
        ),
        ["+351210550101", "+351912345678"],
    ),
    ("EC", "RUC 1790012360001 Telf: (02) 255-0101 ext. 123", ["+59322550101"]),
    ("UY", "RUT 217000120011 Tel.: 2555 0101", ["+59825550101"]),
    ("VE", "RIF: J-12345678-4. Teléfono 0212-555.01.01", ["+582125550101"]),
    ("DO", "RNC 1-01-12341-9 Tel. 809-555-0101", ["+18095550101"]),
    ("CR", "Cédula jurídica 3-101-123456 Tel: 2255-0101", ["+50622550101"]),
    ("PY", "RUC: 8001234-5, Tel. (021) 555 010", ["+59521555010"]),
    ("GT", "NIT 1234567-9 PBX: 2255-0101", ["+50222550101"]),
    (
        "GB",
        (
            "Company No. 01234567 VAT Reg No: GB 123 4567 27. Call us on 020 7946 0101. Fax "
            "020 7946 0102"
        ),
        ["+442079460101"],
    ),
    (
        "US",
        "Call (312) 555-0101 or 1-800-555-0199. EIN: 12-3456789",
        ["+13125550101", "+18005550199"],
    ),
    ("US", "Mon - Fri 312.555.0101\nPart number 312-555-0102", ["+13125550101"]),
    (None, "Tel. +34 912 345 678 and 912 345 679", ["+34912345678"]),
    ("ES", "Email:info@acme.es Tel:912345678 CIF:B70000013", ["+34912345678"]),
    (
        "ES",
        "**Email** info@acme.es\n\n**Teléfono**\n\n912 345 678\n\n**Fax**\n\n912 345 679",
        ["+34912345678"],
    ),
    (
        "ES",
        "Delegación Norte\n\nCalle Sol 3, 48001 Bilbao · 944 123 456 · norte@acme.es",
        ["+34944123456"],
    ),
    ("ES", "Más de 912 345 678 visitas", []),
]
TAX_IDS: list[tuple[str | None, str, list[str]]] = [
    ("CO", "NIT No. 900.123.456-8, teléfono +57 6015550103, calle 72 No. 10-07", ["900123456-8"]),
    (
        "CO",
        "NIT: 900 123 456\u20118\nTeléfonos: +57  607 5550101  +57 310 5550102",
        ["900123456-8"],
    ),
    ("GB", "VAT Reg No.: 123 4567 27", ["GB123456727"]),
    ("ES", "NIF: Q-0000012-E Telephone: 91 234 56 78", ["Q0000012E"]),
    (
        "BR",
        "Inscrição Estadual: 110.042.490.114 CNPJ 11.222.333/0001-81 - Insc. Municipal 1.234.567-8",
        ["11222333000181"],
    ),
    ("PT", "T: 210550101 | M: 912345678 | geral@acme.pt | Contribuinte: 501234560", ["501234560"]),
    (
        "PT",
        "NIPC e matrícula: 501 234 560 | Entidade RAL: CNIACC, Tel. 253 000 111, geral@cniacc.pt",
        ["501234560"],
    ),
    ("ES", "CIF: B 70 000 013", ["B70000013"]),
    ("ES", "CIF:B-70.000.013", ["B70000013"]),
    ("ES", "C.I.F. número B70000013", ["B70000013"]),
    ("ES", "NIF/CIF ESB70000013", ["B70000013"]),
    ("ES", "con Código de Identificación Fiscal B70000013", ["B70000013"]),
    ("ES", "CIF (B70000013)", ["B70000013"]),
    ("ES", "Acme S.L. - B70000013 - Madrid", ["B70000013"]),
    ("ES", "Acme S.L. (B70000013)", ["B70000013"]),
    (
        "ES",
        "El fabricante Otro S.A. con CIF A08010027 colabora. Titular Acme CIF B70000013",
        ["A08010027", "B70000013"],
    ),
    (
        "PE",
        "R.U.C. N° 20555001232 | Central: 555-0101 anexo 12 | Cel: +51 955501010",
        ["20555001232"],
    ),
    ("GB", "Registered number 01234567. Registered charity 1234567", ["01234567"]),
    ("FR", "SIRET 732 829 320 00074, Tél. 01 42 68 53 00", ["73282932000074"]),
    ("DE", "USt-IdNr.: DE136695976 Tel. +49 (0)30 901820", ["DE136695976"]),
    (
        "ES",
        (
            "Fontanería Rúa, S.L. | C.I.F.: B-70000013 | Tel.: 912 34 56 78 | Fax: 912 34 56 "
            "79 | info@fontaneriarua.example"
        ),
        ["B70000013"],
    ),
    (
        "ES",
        "| Teléfono | 912 345 678 |\n|---|---|\n| Fax | 912 345 679 |\n| CIF | A08010027 |",
        ["A08010027"],
    ),
    ("ES", "NIF del trabajador 12345678Z", []),
    ("ES", "ESB70000013", ["B70000013"]),
    ("ES", "VAT number: ESB70000013", ["B70000013"]),
    ("ES", "Número de identificación fiscal: B70000013", ["B70000013"]),
    ("ES", "Acme, S.L. con N.I.F. nº B70000013", ["B70000013"]),
    ("ES", "Acme S.L. CIF B70000014", []),
    (
        "ES",
        "Hosting: Nube S.L. (CIF A08010027, soporte@nube.example)\n\nTitular: Acme, CIF B70000013",
        ["B70000013"],
    ),
    (
        "ES",
        (
            "Inscrita en el Registro Mercantil de Madrid al tomo 12.345, folio 123, hoja "
            "M-123456, CIF B70000013"
        ),
        ["B70000013"],
    ),
    (
        "MX",
        "R.F.C. TAC010203QX2. Tels. (55) 5555-0101 y 5555-0102. Cel. 55 5555 0103",
        ["TAC010203QX2"],
    ),
    ("MX", "RFC: XAXX010101000 genérico. CURP GODE561231HDFRRN08. CLABE 012180001234567891", []),
    (
        "AR",
        "CUIT: 30-71234567-1 - Tel. (011) 4555-0101 / 0102 - Cel: 011 15-5555-0101",
        ["30712345671"],
    ),
    ("AR", "CUIT 20-12345678-6 Juan", []),
    ("CO", "NIT. 900.123.456-8 PBX (601) 555 0101 Cel. 310 555 0101", ["900123456-8"]),
    ("CO", "NIT 900123456 - 8", ["900123456-8"]),
    (
        "PE",
        "RUC: 20555001232. Teléfono: (01) 555-0101. Celular 955 501 010. Jr. Unión 123",
        ["20555001232"],
    ),
    ("CL", "Rut 76.123.456-0, fono +56 2 2555 0101, celular (+569) 5555 0101", ["76123456-0"]),
    ("CL", "Representante legal: RUT 12.345.678-5", []),
    (
        "BR",
        (
            "CNPJ: 11.222.333/0001-81 | Telefone: (11) 3555-0101 | WhatsApp (11) 95555-0101 "
            "| CEP 01310-100"
        ),
        ["11222333000181"],
    ),
    ("BR", "CNPJ nº 11.222.333/0001-81, CPF 123.456.789-09", ["11222333000181"]),
    (
        "PT",
        (
            "NIF: 501 234 560. Tel. 210 550 101 (Chamada para rede fixa nacional) Telemóvel: "
            "912 345 678 geral@acme.pt"
        ),
        ["501234560"],
    ),
    (
        "PT",
        "Contribuinte n.º 501234560, matriculada na CRC de Lisboa, capital social 5.000€",
        ["501234560"],
    ),
    ("PT", "pessoa coletiva nº 501234560", ["501234560"]),
    ("EC", "RUC 1790012360001 Telf: (02) 255-0101 ext. 123", ["1790012360001"]),
    ("UY", "RUT 217000120011 Tel.: 2555 0101", ["217000120011"]),
    ("VE", "RIF: J-12345678-4. Teléfono 0212-555.01.01", ["J123456784"]),
    ("DO", "RNC 1-01-12341-9 Tel. 809-555-0101", ["101123419"]),
    ("CR", "Cédula jurídica 3-101-123456 Tel: 2255-0101", ["3101123456"]),
    ("PY", "RUC: 8001234-5, Tel. (021) 555 010", ["8001234-5"]),
    ("GT", "NIT 1234567-9 PBX: 2255-0101", ["1234567-9"]),
    (
        "GB",
        (
            "Company No. 01234567 VAT Reg No: GB 123 4567 27. Call us on 020 7946 0101. Fax "
            "020 7946 0102"
        ),
        ["01234567", "GB123456727"],
    ),
    (
        "GB",
        "Registered in England and Wales with company number 01234567. ICO registration: Z1234567",
        ["01234567"],
    ),
    ("GB", "Registered in England & Wales (01234567)", ["01234567"]),
    ("US", "Call (312) 555-0101 or 1-800-555-0199. EIN: 12-3456789", ["12-3456789"]),
    ("ES", "Email:info@acme.es Tel:912345678 CIF:B70000013", ["B70000013"]),
]


@pytest.mark.parametrize(("country", "text", "emails"), EMAILS)
def test_the_addresses_of_a_text(country: str | None, text: str, emails: list[str]) -> None:
    """The company's addresses are read however they are written, and no other company's."""
    assert [email.value for email in contacts_in(text, country).emails] == emails


@pytest.mark.parametrize(("country", "text", "phones"), PHONES)
def test_the_phone_numbers_of_a_text(country: str | None, text: str, phones: list[str]) -> None:
    """The company's numbers are read as E.164; faxes, prices, dates and ids are none."""
    assert {phone.value for phone in contacts_in(text, country).phones} == set(phones)


@pytest.mark.parametrize(("country", "text", "tax_ids"), TAX_IDS)
def test_the_tax_ids_of_a_text(country: str | None, text: str, tax_ids: list[str]) -> None:
    """Companies' numbers with a right check digit are read; people's and hosts' are none."""
    assert {tax_id.value for tax_id in contacts_in(text, country).tax_ids} == set(tax_ids)


def test_an_address_of_the_own_site_is_never_taken_for_a_designers() -> None:
    """A web agency signs its own site, too."""
    text = "Diseño web: Pixelar, hola@pixelar.example"

    assert contacts_in(text, "ES").emails == ()
    (email,) = contacts_in(text, "ES", own_domain="pixelar.example").emails
    assert email.value == "hola@pixelar.example"


def test_a_tax_id_names_its_country_and_whether_it_was_checked() -> None:
    """A register's number has no check digit, so it proves less."""
    text = "VAT No. GB 123 4567 27, Company No. 01234567"

    found = {tax_id.type: tax_id for tax_id in contacts_in(text, "GB").tax_ids}

    assert (found["VAT"].country, found["VAT"].is_checked) == ("GB", True)
    assert (found["CRN"].country, found["CRN"].is_checked) == ("GB", False)


def test_the_country_of_a_tax_id_serves_for_phone_numbers() -> None:
    """Where the country is not known, a checked tax id tells it."""
    (phone,) = contacts_in("CIF B70000013. Tel. 912 345 678", None).phones

    assert phone.value == "+34912345678"


def test_a_quote_is_the_cell_or_sentence() -> None:
    """A person sees the line of the table, or the sentence, and not the whole page."""
    text = (
        "| CIF | B70000013 |\n| Tel. | 912 345 678 |\n\nAbrimos en enero. Escriba a "
        "info@acme.es. Adiós"
    )

    contacts = contacts_in(text, "ES")

    assert contacts.tax_ids[0].quote == "| CIF | B70000013 |"
    assert contacts.phones[0].quote == "| Tel. | 912 345 678 |"
    assert contacts.emails[0].quote == "Escriba a info@acme.es."


@pytest.mark.parametrize(
    ("email", "is_company"),
    [
        ("info@acme.es", True),
        ("Ventas@acme.es", True),
        ("atencion.cliente@acme.es", True),
        ("ventas2@acme.es", True),
        ("acme@acme.es", True),
        ("ana@acme.es", False),
        ("ana.ruiz@acme.es", False),
        ("aruiz@acme.es", False),
        ("j.m.perez@acme.es", False),
    ],
)
def test_who_reads_an_address(email: str, *, is_company: bool) -> None:
    """A function's mailbox is the company's; a person's name is personal data."""
    assert is_company_mailbox(email) is is_company


PIECES = st.sampled_from(
    [text for rows in (EMAILS, PHONES, TAX_IDS) for _, text, _ in rows]
    + [
        "\n",
        " ",
        "\x00",
        "\x1b[31m",
        "\u202e",
        "\ud800",
        "|",
        "Tel. ",
        "CIF ",
        "@",
        "tel:",
        "AEPD ",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=30), max_size=12).map("".join)


@given(text=TEXTS, country=st.sampled_from([None, "ES", "MX", "BR", "PT", "GB", "ZZ"]))
def test_each_value_stands_in_its_quote_and_the_quote_in_the_text(
    text: str, country: str | None
) -> None:
    """Nothing is claimed that the page does not say, whatever the page is."""
    contacts = contacts_in(text, country)

    values: tuple[Quoted | TaxId, ...] = (*contacts.emails, *contacts.phones, *contacts.tax_ids)
    for found in values:
        assert found.quote in single_spaced(text)
        assert single_spaced(found.written) in found.quote
        assert len(found.quote) <= LONGEST_QUOTE
    for phone in contacts.phones:
        digits = "".join(filter(str.isdigit, phone.written))
        assert digits[-7:] == phone.value[-7:]
