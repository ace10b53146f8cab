"""What the invented person, Ana Ferreira of Lisbon, and her assistant say.

Sentences of hers that are not planted are never first-person statements in the forms that count as facts, so what is
found beyond the planted facts is a mistake of the finder.
"""

#: Facts that make the sample's MEMORY read like a person; each is planted once, in the first conversations with one.
CORE_FACTS = (
    ("belief", "My name is Ana Ferreira."),
    ("belief", "I live in Lisbon with my partner Tom and our cat Bento."),
    ("belief", "I work as a restoration engineer for historic trams."),
    ("date", "My birthday is 14 March 1990."),
    ("preference", "I'm allergic to peanuts and carry an injector."),
    ("preference", "I prefer short answers with the reason behind them."),
    ("project", "I'm building a wooden sailing dinghy in my father's garage."),
    ("project", "I'm writing a cookbook of my grandmother's recipes from Coimbra."),
    ("decision", "I decided to learn Japanese before our trip in 2026."),
    ("belief", "I believe that repairing a thing is kinder than replacing it."),
    ("date", "On 12 September 2024 I started as head of the workshop."),
    ("preference", "I hate phone calls before nine in the morning."),
    ("preference", "My favourite composer is Carlos Paredes."),
    ("decision", "I've decided to sell the car and go by train."),
)

#: `{n}` makes each planted sentence the only one of its kind.
FACTS = (
    ("preference", "I prefer trail {n} to every other walk around Sintra."),
    ("project", "I'm working on the brake system of tram car {n}."),
    ("date", "On 3 June 2025 I passed the exam for module {n}."),
    ("decision", "I chose insurance plan {n} for the workshop."),
    ("belief", "I'm convinced that lens {n} is the best one in my drawer."),
    ("preference", "I always take bus {n} when it rains."),
    ("project", "I started a project to map {n} tiled facades."),
    ("date", "My appointment with case number {n} is on 2026-02-17."),
    ("decision", "I decided to cancel newspaper subscription {n}."),
    ("belief", "I believe that rule {n} of the house code should go."),
    ("preference", "I can't stand playlist {n} that the gym repeats."),
    ("project", "My project folder {n} holds the drawings of the dinghy."),
    ("decision", "We decided to paint the kitchen in shade {n}."),
    ("preference", "I love recipe {n} in my grandmother's notebook."),
)

FOREIGN_FACTS = (
    ("preference", "Ich bevorzuge den Zug {n} nach Hamburg."),
    ("preference", "Prefiero la ruta {n} para ir al taller."),
    ("decision", "J'ai décidé de garder le dossier {n} pour moi."),
    ("preference", "私は{n}号室の窓からの眺めが好きです。"),
    ("project", "Estoy trabajando en el plano {n} del barco."),
    ("project", "Ich arbeite an der Bremse {n} des alten Wagens."),
)

TITLES = (
    "Brake pads of an old tram",
    "Dinner for six without nuts",
    "Python script for the photo archive",
    "Trip to Kyoto",
    "Letter to the landlord",
    "Varnish for a dinghy",
    "Bread that does not rise",
    "Japanese particles",
    "Training plan after an injury",
    "Budget of the workshop",
    "Cat does not eat",
    "Words for a wedding speech",
    "Tax form of a second job",
    "Fado history",
    "Solar panel on a balcony",
)

QUESTIONS = (
    "Could you check this for mistakes?",
    "What would you do first here?",
    "How long does that usually take?",
    "Is there a cheaper way that lasts as long?",
    "Which of the two is easier to clean afterwards?",
    "Can you explain it once more, as to a beginner?",
    "Do I prefer the wrong tool for this?",
    "What happens if the temperature drops at night?",
    "Why does the second one always come out darker?",
    "Would that also work with what is left over from last week?",
)

REMARKS = (
    "The shop closes at seven, so there is not much time.",
    "Tom says it looked fine yesterday.",
    "The old one broke right in the middle.",
    "Here is what the manual says about it.",
    "It rained the whole afternoon and the wood is still damp.",
    "The budget for this month is nearly used up.",
    "There are three of them on the table now.",
    "Yesterday's try ended with smoke and an open window.",
    "The measurements are 42 by 17.5 centimetres.",
    "Somebody at the workshop suggested the opposite.",
    "That photo was taken before the repair 📷.",
    "The neighbour's dog barked through all of it 🐕‍🦺.",
    "Thanks, that helped a lot!",
    "The second attempt went better than the first.",
    "The letter arrived on Tuesday, without a stamp.",
    "Cafe\u0301 and cre\u0300me came out right this time.",
)

ANSWERS = (
    "Start with the part that is hardest to undo, and leave the rest for later.",
    "A thin layer is enough; a thick one takes a day to dry and cracks.",
    "I would measure twice before cutting, because the grain can shift.",
    "That depends on the humidity, but two hours are a safe guess.",
    "You can replace the butter by oil at four fifths of the weight.",
    "The usual cause is a loose contact behind the second panel.",
    "There are three options, and the middle one is the best value.",
    "I like the second draft more, since it comes to the point sooner.",
    "Check the date on the form; offices often send the old one.",
    "In most cases the law gives the tenant two months to answer.",
    "A rest day between the sessions matters more than the exact distance.",
    "The particle marks the topic, while the other one marks the subject.",
    "Make a copy of the folder first, then run the script on the copy.",
    "If the noise comes back, stop at once and look at the bearing.",
    "That sentence is correct; it only sounds stiff.",
    "Bring the water to ninety degrees, not to the boil.",
    "The museum is closed on Mondays and free on Sunday mornings.",
    "Sand along the grain with 180, then 240, and wipe off the dust.",
)

ARTICLE = (
    "The first electric tram of the city ran in 1901 and needed eleven minutes for the hill.",
    "Its brakes were of cast iron, and a worn set could be heard from two streets away.",
    "Engineers of the time kept notebooks in which every repair stood with its date.",
    "The company bought 202 cars within six years, most of them from a single maker.",
    "Passengers complained about the noise, the price and, in summer, the open windows.",
    "A report of the council lists the cost of each kilometre of track.",
    "Later the lines were cut one after the other, until three remained.",
    "Today the remaining cars are protected, and spare parts are made by hand.",
    "Visitors queue for an hour, while residents take the bus.",
    "The archive holds plans on linen, some of which have never been copied.",
    "Wood for the benches came from the north and was oiled twice a year.",
    "A strike in spring stopped the works for nine weeks.",
)

FOREIGN_REMARKS = (
    "Der Wagen steht seit gestern in der Halle. Die Rechnung kommt nächste Woche.",
    "La madera llegó tarde. El barniz huele todavía.",
    "Le train avait une heure de retard. Il pleuvait à Nantes.",
    "昨日は雨でした。電車が遅れました。明日の天気はどうですか？",
    "الرسالة وصلت متأخرة. الطقس جميل اليوم.",
    "Письмо пришло во вторник. Погода была плохая.",
    "한국어 문장도 하나 있습니다. 날씨가 좋네요.",
)

CODE = '''```python
def rename(folder, pattern):
    """Give every photo a number."""
    for index, path in enumerate(sorted(folder.glob(pattern))):
        # I prefer a leading zero. I always sort first.
        path.rename(path.with_name(f"{index:04d}{path.suffix}"))
```'''

CODE_LINES = (
    "    total += row['amount'] * rate[row['month']]",
    "    if abs(left - right) > tolerance: raise ValueError('drift')",
    "    # I like to keep the raw value here",
    "    cache.setdefault(key, []).append((start, stop))",
    "    for name, part in sorted(parts.items()): print(name, len(part))",
    "    yield from merge(first, second, key=lambda item: item.at)",
)
