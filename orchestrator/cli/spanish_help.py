"""The help of the commands in Spanish: paragraphs and options, by their English texts."""

from typing import Final

HELP: Final = {
    # Commands.
    "Enrich and judge leads without ever paying twice for the same company.": (
        "Enriquecer y evaluar leads sin pagar nunca dos veces por la misma empresa."
    ),
    "Show this message and exit.": "Mostrar este texto y terminar.",
    "Enrich and judge leads: opportunities and discards, with their reasons.": (
        "Enriquecer y evaluar leads: oportunidades y descartados, con sus motivos."
    ),
    "Look up companies by name, or those of a file; each is bought once.": (
        "Consultar empresas por su nombre, o las de un fichero; cada una se compra una vez."
    ),
    "Show what is known of a company: key, purchases, evidence and decisions.": (
        "Mostrar qué se sabe de una empresa: clave, compras, datos y decisiones."
    ),
    "Show what was spent and saved, by day, tenant, source or company.": (
        "Mostrar qué se gastó y se ahorró, por día, tenant, fuente o empresa."
    ),
    "Show what is spent, held and left of each budget.": (
        "Mostrar qué se ha gastado, qué está reservado y qué queda de cada presupuesto."
    ),
    "Forget results of companies; their next lookup buys them again.": (
        "Olvidar resultados de empresas; la próxima consulta las compra de nuevo."
    ),
    "Examine the installation; report each fault with its fix.": (
        "Examinar la instalación; indicar cada fallo y su arreglo."
    ),
    "Run the embedded stack and its API until Ctrl-C. Its data is simulated.": (
        "Ejecutar los servidores propios y su API hasta Ctrl-C. Los datos son simulados."
    ),
    "Run a Celery worker of a configured installation.": (
        "Ejecutar un worker de Celery de una instalación configurada."
    ),
    "Run the HTTP API of a configured installation.": (
        "Ejecutar la API HTTP de una instalación configurada."
    ),
    "Run the SurfSense sandbox alone; `emasai sandbox --help` lists its options.": (
        "Ejecutar solo el sandbox de SurfSense; `emasai sandbox --help` muestra sus opciones."
    ),
    "List, pause, resume and cancel jobs; requeue failed items.": (
        "Ver, pausar, reanudar y cancelar trabajos; reintentar los elementos fallidos."
    ),
    "Show or migrate the schema of the database.": (
        "Mostrar o migrar el esquema de la base de datos."
    ),
    "List hand-overs of opportunities to the sales agent; retry them.": (
        "Ver las entregas de oportunidades al agente de ventas; reintentarlas."
    ),
    "Look up companies again at intervals.": "Consultar empresas de nuevo cada cierto tiempo.",
    "Export, or erase, what is kept about a person.": (
        "Exportar, o borrar, lo que se guarda de una persona."
    ),
    "Decide which names, domains and keys are one company, permanently.": (
        "Decidir, de forma permanente, qué nombres, dominios y claves son una sola empresa."
    ),
    # Arguments and options of files.
    "Lead files, or folders with such; with --rejudge one file or a job id.": (
        "Ficheros de leads, o carpetas que los contienen; con --rejudge, un fichero o el id de "
        "un trabajo."
    ),
    "For a file: where its results go, as text or, by the name .xlsx, as a workbook. By "
    "default beside it, in its own format: leads.csv leads to leads.out.csv. For several "
    "files: a folder.": (
        "Para un fichero: dónde se escriben sus resultados, como texto o, si el nombre acaba en "
        ".xlsx, como libro de Excel. Por defecto junto a él y en su formato: de leads.csv sale "
        "leads.out.csv. Para varios ficheros: una carpeta."
    ),
    "For a file: where the rows go that could not be used, as they stand, each with its "
    "reason: correct them there and run that file.": (
        "Para un fichero: dónde se escriben las filas que no se pudieron usar, tal cual, cada "
        "una con su motivo: corríjalas ahí y ejecute ese fichero."
    ),
    "For a file: the column that holds a field, such as company='Associated Company'; "
    "may be given repeatedly, also for one field.": (
        "Para un fichero: la columna de un campo, como company='Associated Company'; se puede "
        "repetir, también para un mismo campo."
    ),
    "For a file: a TOML file that says the same, such as company = 'Associated Company', "
    "or a list of columns for a field; --column goes before it.": (
        "Para un fichero: un fichero TOML que indica lo mismo, como company = 'Associated "
        "Company', o una lista de columnas para un campo; --column tiene prioridad."
    ),
    "For a file: its encoding, such as cp1250 or mac_roman; found out by default.": (
        "Para un fichero: su codificación, como cp1250 o mac_roman; por defecto se detecta."
    ),
    "For a file: a field without which a row makes no lead, such as email, beside "
    "company and contact; may be given repeatedly.": (
        "Para un fichero: un campo sin el que de una fila no sale un lead, como email, además de "
        "company y contact; se puede repetir."
    ),
    "For leads of a file that are stored already: the file's cells replace what is "
    "stored, or only fill in what is blank there, or change nothing. A blank cell never "
    "erases anything.": (
        "Para los leads de un fichero que ya están guardados: sus celdas sustituyen lo guardado "
        "(replace), solo rellenan lo que falta (fill) o no cambian nada (keep). Una celda en "
        "blanco nunca borra nada."
    ),
    "Buy for this much at most.": "Comprar por este importe como máximo.",
    "Work that has not begun by then fails: 2026-11-30T18:00 (UTC), or 2h from now. To "
    "continue after Ctrl-C, give the same instant again.": (
        "Lo que no haya empezado para entonces falla: 2026-11-30T18:00 (UTC), o 2h desde ahora. "
        "Para continuar después de Ctrl-C, indique el mismo momento."
    ),
    "On whose behalf; EMASAI_TENANT by default.": (
        "Por cuenta de quién; por defecto, EMASAI_TENANT."
    ),
    "Buy companies once more whose earlier purchase may have been charged, but whose "
    "answer was lost.": (
        "Comprar otra vez las empresas cuya compra anterior quizá se cobró, pero cuya respuesta "
        "se perdió."
    ),
    "A stored lead; may be given repeatedly.": "Un lead guardado; se puede repetir.",
    "Stored leads that meet all of: source=WEB, country=ES, imported-since=2026-11-01, "
    "policy=other, status=never-judged|opportunity|discarded.": (
        "Leads guardados que cumplen todas estas condiciones: source=WEB, country=ES, "
        "imported-since=2026-11-01, policy=other, status=never-judged|opportunity|discarded."
    ),
    "Judge stored leads by the current rules; buys nothing.": (
        "Evaluar los leads guardados con las reglas actuales; no compra nada."
    ),
    "Buy for N leads, spread over the file, and say what the whole file would come to: "
    "price, yield, time.": (
        "Comprar para N leads, repartidos por el fichero, y estimar el fichero entero: precio, "
        "oportunidades y tiempo."
    ),
    "Show what would happen; buy and store nothing.": (
        "Mostrar lo que pasaría, sin comprar ni guardar nada."
    ),
    "Print JSON.": "Escribir JSON.",
    # Enrich, explain.
    "A name that takes longer than --patience is still bought, once: the other answers "
    "are shown, and the command ends when that purchase is stored.": (
        "Un nombre que tarda más que --patience se compra igualmente, una vez: las demás "
        "respuestas se muestran, y el comando termina cuando esa compra queda guardada."
    ),
    "Companies, or a file.": "Empresas, o un fichero.",
    "For names: the longest wait for each, such as 5s.": (
        "Para nombres: la espera más larga por cada uno, como 5s."
    ),
    "Its website, as a lead has it.": "Su página web, como figura en un lead.",
    "Its country, like MX.": "Su país, como MX.",
    "Its town, like Bilbao.": "Su localidad, como Bilbao.",
    "For names: what was found where, the score's bounds, and what was not bought.": (
        "Para nombres: qué se encontró y dónde, los límites de la puntuación y qué no se compró."
    ),
    "A company, by any name or its key.": (
        "Una empresa, por cualquiera de sus nombres o por su clave."
    ),
    "What to add up by.": "Por qué concepto se suma.",
    "Only since: 7d, 2026-11-30, or 2026-11-30T18:00 (UTC).": (
        "Solo desde: 7d, 2026-11-30 o 2026-11-30T18:00 (UTC)."
    ),
    "Show the budget of this job, too.": "Mostrar también el presupuesto de este trabajo.",
    "The result of a purchase in flight is not stored either; its cost stays counted.": (
        "Tampoco se guarda el resultado de una compra en curso; su coste sigue contado."
    ),
    "Companies, by name or key.": "Empresas, por su nombre o su clave.",
    "Forget all keys that match, e.g. 'banco_*'.": (
        "Olvidar todas las claves que coincidan, como 'banco_*'."
    ),
    # The installation.
    "Without settings it examines the embedded stack.": (
        "Sin configuración examina los servidores propios."
    ),
    "Address to listen on.": "Dirección en la que escucha.",
    "Port to listen on.": "Puerto en el que escucha.",
    "Worker processes.": "Procesos worker.",
    "It is the same as `celery -A orchestrator.celery_app worker --pool threads`.": (
        "Es lo mismo que `celery -A orchestrator.celery_app worker --pool threads`."
    ),
    "Messages processed at a time; no limit on lookups.": (
        "Mensajes que se procesan a la vez; no limita las consultas."
    ),
    "Migrate the database to the schema of this version; repeating it changes nothing.": (
        "Migrar la base de datos al esquema de esta versión; repetirlo no cambia nada."
    ),
    "With DATABASE_OWNER_URL it uses that role, creates the role of DATABASE_URL if it "
    "is missing, and grants it what workers and API need. Concurrent upgrades are safe.": (
        "Con DATABASE_OWNER_URL usa ese rol, crea el rol de DATABASE_URL si falta y le concede "
        "lo que necesitan los workers y la API. Varias migraciones a la vez no causan problemas."
    ),
    "Take the schema back to that of an earlier version; refused if data is lost, without --yes.": (
        "Devolver el esquema al de una versión anterior; si se perdieran datos, solo con --yes."
    ),
    "Stop all workers and the API first, install the earlier version afterwards. With "
    "DATABASE_OWNER_URL it uses that role.": (
        "Pare antes todos los workers y la API, e instale después la versión anterior. Con "
        "DATABASE_OWNER_URL usa ese rol."
    ),
    "What the earlier version needs, or `base`.": "La que necesita la versión anterior, o `base`.",
    "Show what would be undone and lost.": "Mostrar qué se desharía y qué se perdería.",
    "Even if data is lost.": "Aunque se pierdan datos.",
    "Show the revision of the schema; exit with 1 unless this version needs that one.": (
        "Mostrar la revisión del esquema; termina con 1 si no es la que necesita esta versión."
    ),
    # Jobs.
    "List jobs, newest first.": "Ver los trabajos, el más reciente primero.",
    "Only in this state.": "Solo en este estado.",
    "Only of this lane.": "Solo de este carril.",
    "Only of this tenant.": "Solo de este tenant.",
    "How many, newest first.": "Cuántos, del más reciente al más antiguo.",
    "Show one job: its request, its progress and its events.": (
        "Mostrar un trabajo: qué se pidió, su avance y sus eventos."
    ),
    "As `emasai jobs list` shows it.": "Como lo muestra `emasai jobs list`.",
    "Start no further item of a job; items in flight are completed and count.": (
        "No empezar más elementos de un trabajo; los que están en curso se terminan y cuentan."
    ),
    "Continue a paused job.": "Continuar un trabajo en pausa.",
    "End a job for good: items without a result get none, and purchases for it alone are "
    "stopped.": (
        "Terminar un trabajo para siempre: lo que no tiene resultado se queda sin él, y se paran "
        "las compras que solo eran para él."
    ),
    "Companies that a schedule has added stay watched; `emasai schedule pause` stops that.": (
        "Las empresas que añadió un calendario siguen en seguimiento; `emasai schedule pause` lo "
        "para."
    ),
    "List failed items: their numbers by reason, and whether a retry may help; then each item.": (
        "Ver los elementos fallidos: cuántos por cada motivo y si reintentar puede servir; "
        "después, cada uno."
    ),
    "`emasai jobs requeue` tries them again.": "`emasai jobs requeue` los reintenta.",
    "Only of this job.": "Solo de este trabajo.",
    "Only with this reason code; may be given repeatedly.": (
        "Solo con este código de motivo; se puede repetir."
    ),
    "Only failures since: 2h, 7d, or 2026-11-30T18:00.": (
        "Solo los fallos desde: 2h, 7d o 2026-11-30T18:00."
    ),
    "How many to list; 20 by default, all as JSON.": (
        "Cuántos mostrar; por defecto 20, y todos en JSON."
    ),
    "Try failed items again: a new job for each old one, and each item once.": (
        "Reintentar los elementos fallidos: un trabajo nuevo por cada uno anterior, y cada "
        "elemento una vez."
    ),
    "Items that need a fix first, or that may have been charged, need their --reason: "
    "--reason answer_lost buys them once more. Companies that were bought meanwhile are "
    "not bought again.": (
        "Los que antes necesitan un arreglo, o quizá se cobraron, requieren su --reason: "
        "--reason answer_lost los compra otra vez. Las empresas que se compraron entretanto no "
        "se vuelven a comprar."
    ),
    "Cap of each new job; by default what its old job has not spent.": (
        "Límite de cada trabajo nuevo; por defecto, lo que el anterior no ha gastado."
    ),
    "Show how many, why, and at what cost; do nothing.": (
        "Mostrar cuántos, por qué y a qué coste, sin hacer nada."
    ),
    # Hand-overs, schedule.
    "List hand-overs with their attempts, and the reasons of failures.": (
        "Ver las entregas con sus intentos y los motivos de los fallos."
    ),
    "Retry hand-overs that were given up, under the same event ids.": (
        "Reintentar las entregas que se dieron por perdidas, con los mismos ids de evento."
    ),
    "Hand-overs; all by default.": "Entregas; por defecto, todas.",
    "Watch companies, or all that have an opportunity. Adding them again changes the period.": (
        "Seguir empresas, o todas las que tienen una oportunidad. Añadirlas otra vez cambia el "
        "intervalo."
    ),
    "How often: 12h, 7d; from 1h to 90d.": "Cada cuánto: 12h, 7d; de 1h a 90d.",
    "All companies with an opportunity.": "Todas las empresas con una oportunidad.",
    "Show what is watched, the next due first.": "Mostrar lo que se sigue, lo próximo primero.",
    "Stop looking up companies until `resume`; without names, all of them.": (
        "Dejar de consultar empresas hasta `resume`; sin nombres, todas."
    ),
    "Continue paused companies; without names, all of them.": (
        "Continuar las empresas en pausa; sin nombres, todas."
    ),
    "Stop watching companies; with --open-opportunities, the rule and the companies it added.": (
        "Dejar de seguir empresas; con --open-opportunities, la regla y las empresas que añadió."
    ),
    # Persons.
    "Export everything that is kept about a person; with --json for programs, and complete.": (
        "Exportar todo lo que se guarda de una persona; con --json para programas, y completo."
    ),
    "The person's address, in any case.": "La dirección de la persona, en mayúsculas o minúsculas.",
    "Erase a person: leads with all that goes with them, and answers that name the person.": (
        "Borrar a una persona: sus leads con todo lo que los acompaña, y las respuestas que la "
        "nombran."
    ),
    "The ledger, which is about companies, stays. Repeating it is safe.": (
        "El libro de gastos, que trata de empresas, se conserva. Se puede repetir sin riesgo."
    ),
    "Show what would be erased; change nothing.": "Mostrar qué se borraría, sin cambiar nada.",
    # Identity.
    "Make two companies one: looked up, bought and reported under the second one's key.": (
        "Hacer de dos empresas una: se consulta, se compra y se muestra con la clave de la segunda."
    ),
    "The key, or name, that is replaced.": "La clave, o el nombre, que se sustituye.",
    "The key, or name, of both from now on.": "La clave, o el nombre, de ambas desde ahora.",
    "The reason; it is kept permanently.": "El motivo; se guarda para siempre.",
    "The person who decides; you by default.": "La persona que decide; por defecto, usted.",
    "Even if both keys have purchases or opportunities.": (
        "Aunque las dos claves tengan compras u oportunidades."
    ),
    "Declare that a name means several companies: the name alone no longer buys anything.": (
        "Declarar que un nombre es de varias empresas: el nombre solo ya no compra nada."
    ),
    "A name of several companies.": "Un nombre de varias empresas.",
    "Make a spelling, or all leads of a domain, lead to a company.": (
        "Hacer que una grafía, o todos los leads de un dominio, lleven a una empresa."
    ),
    "A name, or a domain.": "Un nombre, o un dominio.",
    "Its key, or name.": "Su clave, o su nombre.",
    "SPELLING is a domain, like acme.com.": "GRAFÍA es un dominio, como acme.com.",
    "Undo a decision; it stays in the list, and so does this one.": (
        "Deshacer una decisión; sigue en la lista, y esta también."
    ),
    "Of the decision, see `list`.": "El de la decisión; véase `list`.",
    "List every decision: what, why, by whom, when, and whether it is in force.": (
        "Ver todas las decisiones: qué, por qué, de quién, cuándo, y si está vigente."
    ),
    "Show which company a name means and why, and which others have the same name.": (
        "Mostrar qué empresa designa un nombre y por qué, y cuáles más tienen el mismo."
    ),
    # What Typer adds, and what stands for values.
    "Usage: ": "Uso: ",
    "Arguments": "Argumentos",
    "Options": "Opciones",
    "Commands": "Comandos",
    "[default: {}]": "[por defecto: {}]",
    "[required]": "[obligatorio]",
    "[OPTIONS]": "[OPCIONES]",
    "COMMAND [ARGS]...": "COMANDO [ARGUMENTOS]...",
    "FILE": "FICHERO",
    "FIELD=NAME": "CAMPO=NOMBRE",
    "FIELD": "CAMPO",
    "NAME": "NOMBRE",
    "NAME=VALUE": "NOMBRE=VALOR",
    "NAME... | FILE.csv": "NOMBRE... | FICHERO.csv",
    "TIME": "TIEMPO",
    "CODE": "CÓDIGO",
    "TOWN": "LOCALIDAD",
    "REVISION": "REVISIÓN",
    "DURATION": "DURACIÓN",
    "COMPANY": "EMPRESA",
    "INTO": "DESTINO",
    "REASON": "MOTIVO",
    "WHO": "QUIÉN",
    "SPELLING": "GRAFÍA",
    "NUMBER": "NÚMERO",
    "WEBSITE": "WEB",
    "PORT": "PUERTO",
}
