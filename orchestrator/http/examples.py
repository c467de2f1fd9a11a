"""Requests as the OpenAPI document shows them; a test sends each of them."""

from typing import Final

from fastapi.openapi.models import Example

JOB_EXAMPLES: Final[dict[str, Example]] = {
    "companies": {
        "summary": "Look companies up, for two dollars at most",
        "value": {
            "kind": "enrich",
            "companies": [
                "Telefónica, S.A.",
                "TELEFONICA",
                {"company": "Mercado Libre", "website": "mercadolibre.example", "country": "AR"},
            ],
            "max_cost_usd": 2,
        },
    },
    "leads": {
        "summary": "Store leads and run them past the agents",
        "value": {
            "kind": "pipeline",
            "leads": [
                {
                    "company": "Telefónica, S.A.",
                    "contact": "Ana Ruiz",
                    "email": "ana.ruiz@telefonica.example",
                    "country": "España",
                }
            ],
        },
    },
    "stored leads": {
        "summary": "Run stored leads past the agents",
        "value": {"kind": "pipeline", "lead_ids": ["b5a7c1de-8f0e-5d83-9a0c-3f6f6cf4a0b1"]},
    },
    "leads by a filter": {
        "summary": "Run the leads from Spain that nobody has judged yet",
        "value": {"kind": "pipeline", "filter": {"country": "ES", "status": "never_judged"}},
    },
}

UPLOADS: Final = {
    "text/csv": "company;country\nTelefónica, S.A.;ES\nMercado Libre;AR\n",
    "application/x-ndjson": '{"company": "Telefónica, S.A.", "country": "ES"}\n"Mercado Libre"\n',
}
UPLOAD_BODIES: Final = {
    media_type: {"schema": {"type": "string"}, "example": body}
    for media_type, body in UPLOADS.items()
}
LEAD_EXAMPLES: Final[dict[str, Example]] = {
    "lead": {
        "summary": "Un lead entero",
        "value": {
            "empresa": "Telefónica, S.A.",
            "contacto": "Ana Ruiz",
            "correo": "ana.ruiz@telefonica.example",
            "pais": "España",
        },
    },
    "lead_id": {
        "summary": "Un lead ya guardado",
        "value": {"lead_id": "b5a7c1de-8f0e-5d83-9a0c-3f6f6cf4a0b1"},
    },
}
