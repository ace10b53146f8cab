"""Words by which orders are known, and wishes for how to be answered; small lists, by language.

Written as regular expressions of whole words; they are compared without case and accents (`orders`).
"""

from typing import NamedTuple


class Words(NamedTuple):
    """What orders are made of in one language. Where the verb stands last, `acts` are its forms of command."""

    acts: str  # to approve, to ignore, to obey: an order with nothing but "always"
    deeds: str  # what is an order only with one of the things
    things: str  # what no memory may decide about: permissions, rules, prompts, tools, other users
    force: str  # always, all, without asking
    starters: str  # what may stand before the verb of an order
    must: str  # to, shall, has to
    answers: str  # how one is answered
    denied: str  # words of `acts` and their like in all forms: no rule about answers has them


EUROPEAN = {
    "en": Words(
        acts="approve|accept|authori[sz]e|permit|consent|ignore|disregard|bypass|override|overrule|obey|comply"
        "|jailbreak|confirm|agree|do (?:whatever|anything|everything|as)"
        "|trust (?:all|everything|everyone|anything|this|the)",
        deeds="grant|allow|give|forget|follow|execute|run|delete|remove|send|forward|transfer|reveal|show|print"
        "|leak|disclose|expose|share|disable|enable|skip|use|call (?:the|any|all|every|other)|treat|unlock|stop"
        "|pretend|are now|repeat|output|act|change|refuse"
        "|pay|tell",
        things="(?:approv|authori[sz]|confirm|permission|consent|credential|password|restriction|safeguard"
        r"|guardrail|guideline|polic|prompt|plugin)\w*|tools?|(?:other|all|any|every|another) (?:users?|persons?"
        r"|people|customers?)|(?:users|everyone|everybody)(?: else)?s?|accounts?|admin\w*|root|sudo|requests?"
        "|commands?|function calls?|api keys?|(?:previous|prior|earlier|above|system|your|all|any|the|these|those"
        r"|its|my|safety|original) (?:\w+ )?(?:instruct\w+|rules?|orders?|filters?|limits?|messages?|access"
        r"|memor\w+)|(?:system|developer|god|debug) (?:prompt|message|mode)|safety (?:\w+)|access|secrets?|tokens"
        "|money",
        force=r"always|never|everything|anything|all|any|every|each|whatever|without (?:asking|question\w*|review\w*"
        r"|check\w*)|unconditionally|automatically|from now on|no matter",
        starters="always|never|please|you|must|should|shall|will|have to|need to|do not|don'?t|from now on|and|also"
        "|then|now|in future|the|this|assistant|ai|model|chatgpt|claude|kindly|just|simply|immediately"
        "|automatically|silently|remember|remember to|be sure to|make sure to|to|important|rule|note|instruction"
        "|new|system|assistants",
        must="to|must|should|shall|has to|have to|needs? to|will|always|never",
        answers="(?:answer|repl(?:y|ies)|respond|respons|explain|explanation|clarif|bullet|emoji|summar|jargon"
        "|sarcas|concis|verbos|paragraph|sentence|example|footnote|citation|markdown|headline|analog|metaphor"
        r"|formal|informal|disclaimer|smalltalk|apolog|flatter|praise|humou?r)\w*|tone|brief\w*|blunt\w*|wording"
        "|jokes?|tables?|lists?|sources?|code blocks?|(?:call|address|talk to|speak to|write to|correct|tease) me"
        r"|step[ -]by[ -]step|tl;?dr|metric|first names?|plain (?:language|english)|(?:in|use) \w+ (?:units|english)"
        "|straight to the point|be direct|pleasantries|small talk|simple (?:words|language|terms)"
        "|details first|conclusion first",
        denied="(?:approv|authori[sz]|consent|ignor|disregard|bypass|overrid|overrul|obey|comply|complian|execut"
        "|delet|reveal|leak|disclos|jailbreak|unrestrict|uncensor|impersonat|pretend|soulprint|confirm|grant|permit"
        r"|permission)\w*|allow\w*|hide|hidden|transfer\w*|run|send\w*|forget\w*|trust\w*|refus\w+|memor(?:y|ies)"
        "|behalf",
    ),
    "de": Words(
        acts="genehmige?|bewillige?|akzeptiere?|erlaube?|bestatige?|ignoriere?|missachte?|umgehe?|gehorche?"
        "|befolge?|stimme?|(?:genehmig|bewillig|akzeptier|erlaub|bestatig|ignorier|missacht|befolg|umgeh|gehorch)en",
        deeds="gib|gebe?|vergiss|fuhre?|losche?|sende?|schicke?|zeige?|verrate?|teile?|deaktiviere?|nutze?|benutze?"
        "|verwende?|uberweise?|(?:vergess|ausfuhr|losch|send|schick|zeig|verrat|nutz|verwend|geb)en",
        things=r"(?:genehmigung|bestatigung|berechtigung|erlaubnis|rechte|passw\w+|kennw\w+|zugangsdaten|zugriff"
        r"|anweisung|regel|richtlinie|beschrankung|sicherheit\w*|systemprompt|prompt|systemnachricht|werkzeug|tool"
        r"|befehl|anfrage|antrag|antrage|konto|konten|administrator|geheimnis)\w*|(?:ander\w+|alle\w*) (?:nutzer"
        r"|benutzer|kunden|personen)\w*",
        force=r"immer|stets|nie|niemals|alle[snr]?|jede[snrm]?|automatisch|ohne (?:nach)?frage\w*|ohne nachzufragen"
        "|ab (?:jetzt|sofort)|bedingungslos|ungefragt",
        starters="immer|stets|nie|niemals|bitte|du|sie|musst|sollst|mussen|sollen|ab|jetzt|sofort|und|dann|auch"
        "|einfach|automatisch|die|ki|der|assistent|kunftig",
        must=r"soll\w*|muss\w*|zu|darf|immer|stets",
        answers="(?:antwort|beantwort|erklar|formulier|stichpunkt|emoji|zusammenfass|fachjargon|fachbegriff|sarkas"
        r"|satz|satze|beispiel|quelle|knapp|ausfuhrlich|hoflich|formlich|anred|tabelle|aufzahlung)\w*|geantwortet"
        r"|ton|tonfall|duz\w*|siez\w*|geduzt|gesiezt|witze?|umschweife|nenn\w* mich|schritt fur schritt|kurz\w*",
        denied="(?:genehmig|bewillig|bestatig|ignorier|missacht|umgeh|gehorch|befolg|ausfuhr|losch|verrat|uberweis"
        r"|erlaub|berechtig|zugestimm|zustimm)\w*|vergiss|vergess\w*|auftrag",
    ),
    "fr": Words(
        acts="approuve[rz]?|accepte[rz]?|autorise[rz]?|valide[rz]?|confirme[rz]?|ignore[rz]?|contourne[rz]?"
        r"|obei[rst]\w*|obeissez",
        deeds="donne[rz]?|oublie[rz]?|execute[rz]?|supprime[rz]?|efface[rz]?|envoie|envoye[rz]|montre[rz]?"
        "|revele[rz]?|partage[rz]?|utilise[rz]?|desactive[rz]?|sui[st]|suivez|affiche[rz]?",
        things="(?:approbation|autorisation|permission|confirmation|demande|requete|instruction|consigne|regle"
        r"|restriction|limite|securite|prompt|outil|commande|acces|administrateur|secret)\w*|mots? de passe"
        r"|autres (?:utilisateur|personne|client)\w*|(?:tous les|des) (?:utilisateur|compte)\w*|invite systeme",
        force=r"toujours|jamais|tout|toute|tous|toutes|sans (?:demander|question|verifi\w+|confirm\w+)"
        "|automatiquement|desormais",
        starters="toujours|jamais|ne|n|merci de|veuillez|tu|vous|dois|devez|desormais|et|puis|aussi|maintenant|l|ia"
        "|il faut|automatiquement|assistant",
        must=r"doit|doive\w*|de|faut|toujours",
        answers="(?:repon|explic|expliqu|formul|emoji|resum|jargon|sarcas|phrase|exemple|source|concis|detaill"
        r"|tableau|puces?)\w*|ton|tutoi\w*|tutoy\w*|vouvoi\w*|vouvoy\w*|blagues?|brefs?|breves?|appelle[rz]?[ -]moi"
        r"|etape par etape|court\w*",
        denied="(?:approuv|approbat|autoris|ignor|contourn|obei|execut|supprim|revel|permission|permet|confirm"
        r"|valid)\w*|oubli\w*",
    ),
    "es": Words(
        acts=r"aprueb\w+|aprobar|acept(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|autori[zc](?:[aei]|e[nm]|are?|ad|ate"
        "|[ae]l[aeoi]s?)|permit(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|confirm(?:[aei]|e[nm]|are?|ad|ate"
        r"|[ae]l[aeoi]s?)|ignor(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|obede[cz]\w+",
        deeds="da|dale|dar|olvid(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|ejecut(?:[aei]|e[nm]|are?|ad|ate"
        "|[ae]l[aeoi]s?)|borr(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|elimin(?:[aei]|e[nm]|are?|ad|ate"
        r"|[ae]l[aeoi]s?)|envi(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|muestr\w{1,4}|revel(?:[aei]|e[nm]|are?|ad"
        "|ate|[ae]l[aeoi]s?)|compart(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|us[ae]r?|utili[zc](?:[aei]|e[nm]|are?"
        r"|ad|ate|[ae]l[aeoi]s?)|desactiv(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|sigu?[ae]|salta\w*|omit(?:[aei]"
        "|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)",
        things="(?:aprobacion|autorizacion|permiso|confirmacion|solicitud|peticion|instruccion|regla|norma"
        "|restriccion|limite|seguridad|prompt|herramienta|comando|orden|acceso|administrador|contrasena|clave"
        r"|secreto)\w*|(?:otros|otras|todos los|los) (?:usuari|client|cuentas)\w*",
        force=r"siempre|nunca|jamas|todo|toda|todos|todas|cualquier\w*|sin (?:preguntar|consult\w+|revis\w+"
        r"|confirm\w+)|automaticamente",
        starters="siempre|nunca|jamas|no|por favor|tu|usted|debes|debe|a partir de ahora|y|luego|tambien|ahora|la"
        "|ia|el|asistente|automaticamente|hay que|tienes que",
        must=r"debe\w*|que|tiene que|siempre",
        answers="(?:respond|respuest|respond[ae]|contest|explic|expliq|emoji|resum|jerga|sarcas|frase|parraf|ejempl"
        r"|fuente|concis|detall|formal|tabla|vineta)\w*|tono|tute\w*|trat\w+ de (?:tu|usted)|chistes?|breves?"
        r"|cort[ao]s?|llam[ae]me|me llam\w+|paso a paso",
        denied=r"(?:aprob|aprueb|autori[zc]|ignor|obede[cz]|ejecut|revel|permis|permit|confirm|solicitud|omit)\w*"
        r"|olvid\w*|borr\w*",
    ),
    "pt": Words(
        acts="aprov(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|aceit(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)"
        "|autori[zc](?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|permit(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)"
        "|confirm(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|ignor(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)"
        r"|obede[cz]\w+|desconsider(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)",
        deeds=r"de|dar|esque[cz]\w+|execut(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|apag\w{1,4}|envi(?:[aei]|e[nm]"
        "|are?|ad|ate|[ae]l[aeoi]s?)|mostr(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|revel(?:[aei]|e[nm]|are?|ad|ate"
        "|[ae]l[aeoi]s?)|compartilh(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|us[ae]r?|desativ(?:[aei]|e[nm]|are?|ad"
        "|ate|[ae]l[aeoi]s?)|siga",
        things="(?:aprovac|autorizac|permiss|confirmac|solicitac|pedido|instruc|regra|norma|restric|limite"
        r"|seguranca|prompt|ferramenta|comando|acesso|administrador|senha|segredo)\w*|(?:outros|outras|todos os"
        r"|os) (?:usuari|utilizador|client|contas)\w*",
        force=r"sempre|nunca|jamais|tudo|todo|toda|todos|todas|qualquer|sem (?:perguntar|consult\w+|revis\w+"
        r"|confirm\w+)|automaticamente",
        starters="sempre|nunca|nao|por favor|voce|tu|deve|deves|a partir de agora|e|depois|tambem|agora|a|ia|o"
        "|assistente|automaticamente",
        must=r"deve\w*|que|tem que|sempre",
        answers="(?:respond|respost|explic|expliqu|emoji|resum|jarg|sarcas|frase|paragraf|exempl|fonte|concis"
        r"|detalh|formal|tabela|topicos)\w*|tom|piadas?|breves?|curt[ao]s?|cham[ae]r?[ -]me|me cham\w+|passo a passo",
        denied=r"(?:aprov|autori[zc]|ignor|obede[cz]|execut|revel|permiss|permit|confirm|desconsider)\w*"
        r"|esque[cz]\w*|apag\w*",
    ),
    "it": Words(
        acts="approv(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|accett(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)"
        "|autorizz(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|consent(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)"
        "|conferm(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|ignor(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)"
        r"|obbedisc\w+|obbedire|aggir(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)",
        deeds=r"dai|dare|da|dimentic\w{1,4}|esegu(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|cancell(?:[aei]|e[nm]"
        "|are?|ad|ate|[ae]l[aeoi]s?)|invi(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|mostr(?:[aei]|e[nm]|are?|ad|ate"
        "|[ae]l[aeoi]s?)|rivel(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|condivid(?:[aei]|e[nm]|are?|ad|ate"
        r"|[ae]l[aeoi]s?)|us[ai]|usare|disattiv(?:[aei]|e[nm]|are?|ad|ate|[ae]l[aeoi]s?)|segui\w*",
        things="(?:approvazion|autorizzazion|permess|conferm|richiest|istruzion|regol|restrizion|limit|sicurezza"
        r"|prompt|strument|comand|access|amministrator|segret)\w*|password|(?:altri|altre|tutti gli|gli) (?:utent"
        r"|client|account)\w*",
        force=r"sempre|mai|tutto|tutta|tutti|tutte|ogni|qualsiasi|senza (?:chiedere|domand\w+|controll\w+"
        r"|conferm\w+)|automaticamente",
        starters="sempre|mai|non|per favore|tu|lei|devi|deve|d'ora in poi|da ora|e|poi|anche|ora|l|ia|l'ia"
        "|assistente|automaticamente",
        must="deve|debba|di|che|sempre",
        answers="(?:rispond|rispost|spieg|emoji|riassu|gergo|sarcas|fras|paragraf|esemp|font|concis|dettagl|formal"
        r"|tabell|elenc)\w*|tono|scherzi|battute|brev[ei]|cort[aeio]|chiam\w*mi|mi chiam\w+|dammi del (?:tu|lei)"
        "|passo (?:per|dopo) passo",
        denied=r"(?:approv|autorizz|ignor|obbed|esegu|rivel|permess|permett|conferm|aggir)\w*|dimentic\w*|cancell\w*",
    ),
    "nl": Words(
        acts=r"keur|goedkeuren|accepteer|accepteren|bevestig\w*|negeer|negeren|omzeil\w*|gehoorzaam\w*|sta",
        deeds="geef|vergeet|voer|verwijder|wis|stuur|toon|onthul|deel|gebruik|schakel|volg",
        things="(?:goedkeuring|toestemming|bevestiging|machtiging|rechten|wachtwoord|toegang|instructie|regel"
        "|richtlijn|beperking|veiligheid|systeemprompt|prompt|tool|gereedschap|opdracht|verzoek|aanvra|beheerder"
        r"|geheim)\w*|(?:andere|alle) (?:gebruikers|klanten|accounts|mensen)",
        force=r"altijd|nooit|alles?|elke?|ieder\w*|automatisch|zonder (?:te )?vragen|voortaan",
        starters="altijd|nooit|alsjeblieft|aub|je|jij|u|moet|vanaf|nu|en|dan|ook|gewoon|voortaan|de|ai|assistent"
        "|automatisch",
        must=r"moet\w*|zou|te|altijd",
        answers=r"(?:antwoord|beantwoord|leg\w* uit|uitleg|formuler|emoji|samenvat|vaktaal|jargon|sarcas|zin|zinnen"
        r"|alinea|voorbeeld|bron|bronnen|beknopt|uitgebreid|formeel|informeel|tabel|opsomming)\w*|toon|grapjes"
        r"|kort\w*|noem me|tutoye\w*|stap voor stap",
        denied="(?:goedkeur|goedgekeur|bevestig|neger|negeer|genegeerd|omzeil|gehoorza|uitvoer|verwijder|onthul"
        r"|toesta|toestemming|machtig)\w*|vergeet\w*",
    ),
    "pl": Words(
        acts=r"zatwierdz\w*|akceptuj\w*|zaakceptuj\w*|autoryzuj\w*|potwierdz\w*|ignoruj|zignoruj|ignorowac|omijaj"
        "|omin|słuchaj|zezwalaj",
        deeds="daj|nadaj|zapomnij|wykonaj|wykonuj|usun|wyslij|pokaz|ujawnij|udostepnij|uzyj|uzywaj|wyłacz|stosuj",
        things="(?:zatwierdzen|zgod|potwierdzen|uprawnie|pozwolen|hasł|dostep|instrukcj|polece|reguł|zasad|wytyczn"
        r"|ogranicze|bezpiecze|prompt|narzedzi|komend|prosb|wniosk|zadan|administrator|sekret)\w*|(?:innych"
        r"|wszystkich|inni) (?:uzytkownik|klient|kont)\w*",
        force=r"zawsze|nigdy|wszystk\w+|kazd\w+|automatycznie|bez pytania|od teraz",
        starters="zawsze|nigdy|nie|prosze|ty|musisz|powinienes|od|teraz|potem|tez|po prostu|automatycznie|ai|asystent",
        must=r"ma|musi|powin\w+|zeby|aby|zawsze",
        answers="(?:odpowied|odpowiad|wyjasni|tłumacz|emoji|podsumow|zargon|sarka|zdani|akapit|przykład|zrodł"
        r"|zwiezł|szczegoł|formaln|nieformaln|tabel|punkt)\w*|ton\w*|zart\w*|krot\w+|mow mi|zwracaj sie"
        "|krok po kroku",
        denied="(?:zatwierdz|akceptuj|autoryz|potwierdz|ignor|zignor|omija|wykon|usun|usuw|ujawn|zezw|uprawn"
        r"|pozwol)\w*|zapomn\w*",
    ),
    "ru": Words(
        acts=r"одобря\w+|одобри\w*|одобрить|принимай\w*|разреша\w+|разреши\w*|подтвержда\w+|подтверди\w*"
        r"|игнорируй\w*|игнорировать|проигнорируй\w*|обходи\w*|слушайся|подчиняйся|соглашайся",
        deeds=r"дай\w*|давай\w*|забудь\w*|выполн\w+|удали\w*|удаляй\w*|отправ\w+|покажи\w*|показывай\w*|раскро\w+"
        r"|используй\w*|отключи\w*|следуй\w*",
        things="(?:одобрен|разрешен|подтвержден|полномоч|парол|доступ|инструкц|правил|указан|ограничен|безопасност"
        r"|промпт|промт|инструмент|команд|запрос|просьб|заявк|администратор|секрет)\w*|(?:други\w+"
        r"|все\w*) (?:пользовател|клиент|люд|аккаунт)\w*",
        force=r"всегда|никогда|все\w{0,2}|любы\w+|кажд\w+|автоматически|без (?:вопросов|спроса|подтвержден\w+)"
        "|отныне",
        starters="всегда|никогда|не|пожалуйста|ты|вы|должен|должна|должны|отныне|теперь|и|потом|также|просто"
        "|автоматически|ии|ассистент",
        must=r"долж\w+|чтобы|всегда",
        answers="(?:ответ|отвеч|объясн|формулир|эмодзи|смайл|резюм|жаргон|сарказ|предложени|абзац|пример|источник"
        r"|кратк|подробн|формальн|неформальн|таблиц|списк)\w*|тон\w{0,2}|шут\w+|коротк\w+|на (?:ты|вы)"
        r"|называй\w* меня|обращай\w*|по шагам|пошагов\w*",
        denied=r"(?:одобр|разреш|подтвер|игнор|проигнор|обход|подчин|выполня|выполни|удал|раскр|полномоч)\w*"
        r"|забудь\w*|забыва\w*",
    ),
    "uk": Words(
        acts=r"схвалю\w+|схвали\w*|приймай\w*|дозволя\w+|підтверджу\w+|підтверди\w*|ігноруй\w*|ігнорувати"
        r"|проігноруй\w*|погоджуй\w*",
        deeds=r"дай\w*|надай\w*|забудь\w*|викон\w+|видали\w*|надішли\w*|покажи\w*|розкрий\w*|використовуй\w*"
        r"|вимкни\w*",
        things="(?:схвален|дозв|підтверджен|повноважен|парол|доступ|інструкц|правил|вказів|обмежен|безпек|промпт"
        r"|інструмент|команд|запит|прохан|заявк|адміністратор|секрет)\w*|(?:інш\w+|усі\w*|всі\w*) (?:користувач"
        r"|клієнт|люд|акаунт)\w*",
        force=r"завжди|ніколи|усе|все|усі|всі|будь-як\w+|кожн\w+|автоматично|без запитань|відтепер",
        starters="завжди|ніколи|не|будь ласка|ти|ви|маєш|повинен|повинна|відтепер|тепер|і|та|також|просто"
        "|автоматично|ші|асистент",
        must=r"має|повин\w+|щоб|завжди",
        answers="(?:відповід|пояснюй|поясн|формулю|емодзі|підсум|жаргон|сарказ|речен|абзац|приклад|джерел|стисл"
        r"|детальн|формальн|таблиц)\w*|тон\w{0,2}|жарт\w*|коротк\w+|на (?:ти|ви)|називай\w* мене|звертай\w*"
        r"|крок за кроком|покроков\w*",
        denied=r"(?:схвал|дозвол|підтвердж|ігнор|проігнор|обход|викону|видал|розкр|повноваж)\w*|забудь\w*|забува\w*",
    ),
}

#: Where the verb stands last, `acts` and `deeds` are its forms of command.
VERB_LAST = frozenset({"hi", "fa", "tr", "ko", "de", "nl"})

#: The person's own slips: to ignore those is asked of a reader, and is no order about the system.
SLIPS = (
    r"typos?|spelling|grammar|tippfehler\w*|rechtschreib\w*|fautes?|erratas?|ortograf\w*|erros de|errori di"
    r"|typfouten|literowk\w*|опечат\w*|одрук\w*|وقواعد|اخطا\w*|שגיאות|غلط\w*|yazim|오타[^\s]*|错别字|錯別字|誤字"
    "|タイプミス"
)

ASSISTANT = (
    r"assistant\w*|assistent\w*|asistent\w*|asystent\w*|asistan\w*|ассистент\w*|асистент\w*|(?:the |an )?ai|ki|ia"
    r"|model|bot|chatbot|chatgpt|gpt|claude|ии|ші|المساعد|עוזר\w*|सहायक|دستیار\w*|yapay zeka\w*|비서[^\s]*|助手|助理"
    "|アシスタント"
)
