"""Ana Ferreira of Lisbon, who does not exist: what she is about, and what she and her assistant say to each other.

Nothing of hers outside the planted facts begins like a first-person statement that counts as a fact ("I prefer …",
"My name is …"), so whatever is found beyond the planted facts is a mistake of the finder.

Slots in sentences: `{p}` a person, `{c}` a place, `{w}` a weekday, `{n}` a small and `{m}` a larger number. Each
sentence is filled in FILLINGS ways once, when the module is imported, so that making text is only picking and joining.
"""

from dataclasses import dataclass
from math import gcd

FILLINGS = 5

_PEOPLE = (
    "Tom",
    "Marta",
    "Rui",
    "Inês",
    "Dona Lurdes",
    "Jürgen",
    "Sofía",
    "Keiko",
    "Duarte",
    "Zoë",
    "Mr Pinto",
    "Aleix",
)
_PLACES = ("Alfama", "Sintra", "Graça", "Setúbal", "Coimbra", "Belém", "Porto", "Almada", "Évora", "Campo de Ourique")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Bank:
    """Sentences in all their fillings."""

    def __init__(self, *sentences: str):
        self.sentences = len(sentences)
        #: Steps by which one can walk over all the sentences without meeting one twice.
        self.strides = tuple(step for step in range(1, self.sentences + 1) if gcd(step, self.sentences) == 1)
        #: All sentences in their first filling, then all in the second, …
        self.filled = tuple(
            _filled(text, position, filling) for filling in range(FILLINGS) for position, text in enumerate(sentences)
        )


def _filled(text: str, position: int, filling: int) -> str:
    mixed = position * 5 + filling * 7
    return text.format(
        p=_PEOPLE[mixed % len(_PEOPLE)],
        c=_PLACES[mixed % len(_PLACES)],
        w=_WEEKDAYS[mixed % len(_WEEKDAYS)],
        n=2 + mixed % 8,
        m=12 + mixed * 13 % 87,
    )


@dataclass(frozen=True)
class Topic:
    titles: tuple[str, ...]
    openers: Bank  # how she begins
    remarks: Bank  # what she adds; statements that are no facts about her
    questions: Bank
    answers: Bank  # the assistant's sentences
    steps: Bank  # the assistant's bullet points
    space: str = " "  # between sentences


TRAMS = Topic(
    titles=(
        "Brake pads of an old tram",
        "Bearing noise at low speed",
        "Varnish for the benches of car 283",
        "Tender for copper wire",
        "Report on the spring inspection",
        "Drawing numbers in the archive",
        "Torque of the axle bolts",
    ),
    openers=Bank(
        "Car {m} came back from {c} with a squeal that starts at about {n} km/h.",
        "The inspection of car {m} is due on {w} and the old protocol is missing a page.",
        "We found a hairline crack in a brake hanger of the {m} series.",
        "The museum in {c} sent us a controller from 1936 without any wiring plan.",
        "{p} from purchasing wants a justification for {m} metres of copper wire.",
        "Attached is the list of parts for the truck overhaul, {m} lines long.",
    ),
    remarks=Bank(
        "The pads were changed only {n} months ago.",
        "{p} says the noise was there before the repair already.",
        "We measured {n}.{m} millimetres of play on the left side and half of that on the right.",
        "The drawings are from the nineteen-thirties and partly in French.",
        "The supplier in {c} no longer casts that alloy.",
        "The depot is only free on {w} before the first service.",
        "Somebody painted over the type plate in grey.",
        "The insurance wants photographs of each step.",
        "On the incline near {c} the current goes up to {m} amperes.",
        "The apprentice, {p}, has done the last {n} of these alone.",
        "Our lathe takes at most {m} centimetres.",
        "The wood of the platform is oak, the rest is pine.",
        "It only happens when the rail is wet.",
        "The old log says «graxa a cada {n} semanas», nothing more.",
    ),
    questions=Bank(
        "What should be checked before we take the wheel off?",
        "Is there a rule of thumb for the wear limit?",
        "How would you word that for the city council?",
        "Could the bearing be the cause and not the pad?",
        "Which standard applies to vehicles that old?",
        "Do I like the risk of welding there, or is a new part safer?",
        "What torque is usual for a bolt of {m} millimetres?",
        "Can you turn this into a checklist of one page?",
    ),
    answers=Bank(
        "A squeal that appears only at low speed usually points to glazing of the pad rather than to the bearing.",
        "Cast-iron pads need about {n}0 stops before they bed in, so a short test run tells you little.",
        "Check the hanger pins first, because {n} tenths of a millimetre of play there are felt at the shoe.",
        "With a heritage vehicle one may follow the rules of its year of construction if the risk is documented.",
        "A dye-penetrant test costs an hour and tells you whether the crack has a branch.",
        "Welding the hanger is possible, but the heat-affected zone then needs its own inspection interval.",
        "The current you describe is plausible for a gradient of {n} per cent with a full car.",
        "Wet rail lowers the friction, which lets the pad vibrate at its own frequency.",
        "In the table below the wear limits are those of the maker, and the last column is what most depots use.",
        "Copper of that section is sold by weight, so ask for the price per kilogram and the date of the quotation.",
        "If the plate is unreadable, the casting mark under the seat of the driver names the series.",
        "Write down the temperature of the drum at the end of the run; above {m} degrees the varnish will blister.",
        "The French word «jeu» in the drawing means clearance here, not a set of parts.",
        "A wooden platform should be replaced board by board, so that the frame never loses its stiffness.",
        "Ask the museum in {c} whether their sister vehicle still has the original controller drum.",
        "The safest order is to support the body, release the spring, and only then loosen the axle box.",
    ),
    steps=Bank(
        "Support the frame on {n} stands and mark the position of the shims",
        "Measure the play at the pins, left and right, and photograph the gauge",
        "Clean the pad with a wire brush and look for a glazed strip",
        "Run {n} test stops from {m} km/h on the dry track",
        "Enter the result in the log with date and initials",
        "Order the part at the foundry and add {n} weeks",
    ),
)

COOKING = Topic(
    titles=(
        "Dinner for six without nuts",
        "Bread that does not rise",
        "Caldo verde for a crowd",
        "Pastel de nata at home 🥧",
        "What to do with two kilos of quinces",
        "Freezing fish stock",
        "A cake for Marta's birthday",
    ),
    openers=Bank(
        "There are {n} guests on {w} and one of them eats no gluten.",
        "My dough has been in the bowl for {n} hours and it simply does not rise.",
        "{p} brought {n} kilos of quinces from the garden in {c}.",
        "The custard curdled again, although the oven was at {m}0 degrees this time.",
        "Here is grandmother's note for the fish stew, as far as the handwriting can be read.",
        "The stove in the holiday flat in {c} has only {n} plates.",
    ),
    remarks=Bank(
        "The yeast was from {w}, so it should be fine.",
        "It smells right, but the crumb stays heavy.",
        "{p} finds everything too salty anyway.",
        "The recipe says «um bocadinho», whatever that is in grams.",
        "There are {m} grams of butter left and no milk.",
        "Last time the bottom burnt while the middle was still liquid.",
        "The market in {c} had only frozen cod.",
        "We eat at {n}, so there is not much time.",
        "The crème bru\u0302le\u0301e came out right this time 🍮.",
        "The kitchen scale stops at two kilos.",
        "It has been in the fridge since {w}.",
        "The flour is the strong one, type {m}.",
        "Nobody at the table eats peanuts, and one child eats nothing green 🥦🙅🏽‍♀️.",
    ),
    questions=Bank(
        "Can the butter be replaced by oil, and how much of it?",
        "How long does it keep in the fridge?",
        "What can be prepared on the day before?",
        "Is {m}0 degrees too hot for that?",
        "Why does the second tray always come out darker?",
        "Would you start with the stock or with the rice?",
        "What would be a dessert that travels well?",
        "How many potatoes for {n} people?",
    ),
    answers=Bank(
        "You can replace butter by oil at four fifths of the weight, and then take a spoon less of the liquid.",
        "Dough that stands in a kitchen at {n} degrees above the cellar's needs about twice the time of the recipe.",
        "Custard curdles above {m} degrees, so take it off the heat while it still looks too thin.",
        "A glass of water in the oven keeps the crust soft for the first {n} minutes.",
        "Quinces turn red only after a long time on low heat, and a little lemon keeps the colour bright.",
        "Fish stock should never boil for more than {n}0 minutes, otherwise it becomes bitter.",
        "The strong flour takes up more water, which explains the heavy crumb.",
        "For {n} people a kilo and a half of potatoes is plenty if there is bread on the table.",
        "The second tray is darker because the oven has stored heat; lower it by ten degrees.",
        "Cook the rice in the stock and add the fish in the last {n} minutes.",
        "Cornflour makes the sauce gluten-free without changing the taste.",
        "Grandmother's «bocadinho» is about what fits on the tip of a knife, say {n} grams.",
        "Everything up to the folding can be done the evening before, covered and cold.",
        "Taste it before the salt, since the cod brings a good deal of its own.",
        "An almond cake is out of the question then, but one with oranges and polenta works well.",
        "Let it rest for {m} minutes under a cloth; that is when the crumb sets.",
    ),
    steps=Bank(
        "Soak the cod for {n} hours more and change the water",
        "Fry the onion slowly until it is the colour of honey",
        "Warm the bowl before you put the dough in it",
        "Add the liquid in {n} portions, stirring all the time",
        "Rest for {m} minutes, then cut",
        "Taste, then salt",
    ),
)

JOURNEYS = Topic(
    titles=(
        "Trip to Kyoto",
        "Night train to the north",
        "Three days in Galicia",
        "Luggage for four seasons",
        "Ferry with a bicycle",
        "Ein Wochenende in Hamburg",
        "Visa for a stopover",
    ),
    openers=Bank(
        "The plan is {n} days in Kyoto and then somewhere quiet by the sea.",
        "Our train from {c} arrives at {n} in the evening and the last ferry leaves an hour later.",
        "{p} is coming along and walks slowly since the operation.",
        "The airline moved the flight from {w} to the day after.",
        "The guesthouse wants a deposit of {m} per cent, and that by bank transfer.",
        "Here is the itinerary so far, with {n} changes of train.",
    ),
    remarks=Bank(
        "The budget is about {m}0 euros for both of us.",
        "{p} has been there twice and says that October is best.",
        "It must be possible without a car.",
        "The hotel near the station was loud, according to {p}.",
        "We will have one suitcase and a rather large camera.",
        "The museum is closed on {w}, of course.",
        "There is a festival in {c} that week, so rooms are scarce.",
        "The luggage may weigh {m} kilos.",
        "It rained the whole time when we were in {c}.",
        "The sleeper has only compartments for {n} people.",
        "The booking number is in the other mail.",
        "Somebody recommended the small temple behind the market ⛩️.",
    ),
    questions=Bank(
        "Is the pass worth it for {n} journeys?",
        "What would you drop from the list?",
        "How early should one be there?",
        "Which side of the train has the sea?",
        "Should I believe the reviews of that ryokan?",
        "Can you make a plan with one quiet day in it?",
        "Where does one leave luggage for a night?",
        "Is {n} o'clock too late for dinner there?",
    ),
    answers=Bank(
        "With {n} journeys the pass does not pay; single tickets come to about two thirds of its price.",
        "In October the gardens open at {n} in the morning, and the first hour is the only quiet one.",
        "The left side of the train has the sea between the second and the fifth stop.",
        "Leave at least {m} minutes for the change, since the platforms are in different buildings.",
        "Most stations have lockers in three sizes, and the large ones are gone by ten.",
        "A deposit by bank transfer is unusual; ask for a payment link or book through the association.",
        "For slow walkers the northern path is kinder, with benches every few hundred metres.",
        "The airline has to offer another connection or the money back, and a hotel for the night.",
        "Dinner is served until {n} there, later only noodles near the station.",
        "Take the ferry in the morning; in the afternoon the wind often stops it.",
        "The museum sells timed tickets, and those for {w} appear a week ahead.",
        "A small bag with what you need for a night saves you the large suitcase on the mountain.",
        "The festival closes the main street from noon, so go round by the river.",
        "A quiet day after the long journey is better than one at the end.",
        "The sleeper is cheaper than a hotel and a day train together, if you can sleep in it.",
    ),
    steps=Bank(
        "Book the sleeper, {n} months ahead",
        "Ask the guesthouse for a room to the garden",
        "Put the large suitcase on the delivery service on {w}",
        "Reserve seats on the left side",
        "Keep one day free for rain",
        "Download the map of {c} before you leave",
    ),
)

SOFTWARE = Topic(
    titles=(
        "Python script for the photo archive",
        "CSV with broken dates",
        "Regex for drawing numbers",
        "Why is this query slow",
        "KeyError in the parts list",
        "Git says diverged",
        "Backup to the old NAS",
    ),
    openers=Bank(
        "The script that sorts the workshop photos stops after {m} files with a KeyError.",
        "Our parts list is a CSV of {m}000 lines and half of the dates are swapped.",
        "The query on the archive takes {n} seconds since the update.",
        "Below is what the terminal says when the backup runs.",
        "{p} renamed the columns, and now nothing fits any more.",
        "The scanner writes names like IMG_{m}4 (copy {n}).tif and the catalogue wants numbers.",
    ),
    remarks=Bank(
        "It is Python 3.11 on the old office machine.",
        "The file is about {m} MB, so opening it in a spreadsheet is no fun.",
        "The same thing works on the laptop.",
        "There is a column that is empty in every {n}th line.",
        "Nothing has changed on the server, says {p}.",
        "Some of the names contain an ä or an ção and some are encoded twice.",
        "It runs at night, after the backup of {w}.",
        "The error appears only for folders from before 2015.",
        "Restarting did not help.",
        "The test with {n} files was fine.",
        "There is no admin access on that machine.",
        "The output should be one file per series.",
    ),
    questions=Bank(
        "What does that error really mean?",
        "How would one do that without loading everything?",
        "Is there a simpler way than {n} nested loops?",
        "Where would you put the index?",
        "Can you explain the regular expression part by part?",
        "Does that also work with an empty file?",
        "Should I always catch that exception, or let it stop?",
        "How can it be tested without the real folder?",
    ),
    answers=Bank(
        "The KeyError means that line {m} has no such column, most likely because the header has a trailing space.",
        "Read the file as a stream and keep only the rows of the current series in memory.",
        "An index on the two columns together helps here; one on each does not.",
        "The dates are ambiguous only up to the twelfth, so the rest of the file tells you which order was meant.",
        "Normalise the names to NFC before you compare them, because the old disk stored them decomposed.",
        "A set makes the lookup constant, which is what the inner loop costs you now.",
        "Diverged means that both sides have commits that the other has not; a rebase puts yours on top.",
        "Write to a temporary file in the same folder and rename it at the end, so that a crash leaves the old one.",
        "The regular expression reads as two letters, a dash, {n} digits and an optional suffix.",
        "For a test you can create {n} small files in a temporary directory and run the same function on it.",
        "The text was decoded as Latin-1 and encoded again as UTF-8, which is why every accent became two signs.",
        "Catch only the exception you expect, and let the others stop the program.",
        "The query is slow because the function on the left side of the comparison hides the index.",
        "A dry run that only prints the new names is worth the {n} extra lines.",
        "With an empty file the loop body never runs, so the maximum has to have a default.",
        "The old NAS keeps timestamps to two seconds, so compare sizes as well.",
    ),
    steps=Bank(
        "Copy the folder and run the script on the copy",
        "Strip the header and fail early when a column is missing",
        "Add an index on series and date",
        "Log the file name before the conversion, not after",
        "Try it with {n} files, then with {m}00",
        "Keep the old list until {w}",
    ),
)

HEALTH = Topic(
    titles=(
        "Training plan after an injury",
        "Knee hurts on the stairs",
        "Sleeping after a late shift",
        "Iron values in a blood test",
        "Half marathon in spring",
        "Desk at the right height",
    ),
    openers=Bank(
        "The knee is better, and the physiotherapist allows {n} kilometres at an easy pace.",
        "The blood test is back and one value stands out at {m}.",
        "After the late shift on {w} it takes hours until sleep comes.",
        "{p} talked us into the half marathon in {c} 🏃🏽‍♀️.",
        "The desk at the workshop is {m} centimetres high and the neck complains.",
        "Five weeks without running, and now the stairs to {c} feel like a mountain.",
    ),
    remarks=Bank(
        "It hurts only downhill, and only after {n} kilometres.",
        "The shoes are about {m}0 kilometres old.",
        "There is no swelling any more.",
        "The doctor had exactly {n} minutes.",
        "Coffee stops at noon already.",
        "The plan from the club is made for people of twenty.",
        "The watch says a pulse of {m}, which cannot be right.",
        "Stretching was forgotten on most days, to be honest.",
        "The pharmacy in {c} recommended magnesium.",
        "Nights are quiet apart from the cat at {n}.",
    ),
    questions=Bank(
        "How fast can the distance go up again?",
        "Is that something to see a doctor about?",
        "What would a week look like with {n} sessions?",
        "Which stretch is for the outer side?",
        "Does that value mean anything without the others?",
        "Do I never get used to early mornings?",
        "How many hours before bed should dinner be?",
    ),
    answers=Bank(
        "Add no more than a tenth of the distance a week, and keep every fourth week light.",
        "Pain that comes only downhill often sits in the tendon at the outer side of the knee.",
        "A single value says little; together with ferritin and the count of red cells it becomes a picture.",
        "A rest day between two sessions matters more than the exact distance.",
        "Shoes lose most of their cushioning after some {m}0 kilometres, even when the sole looks fine.",
        "After a late shift, dim light and a fixed hour of getting up help more than an early bed.",
        "The screen should be at the height of the eyes and the elbows at a right angle.",
        "See a doctor if it swells, if it locks, or if it wakes you at night.",
        "An optical sensor at the wrist often counts the steps in place of the pulse.",
        "Three sets of {n} slow squats on a step every second day are a good beginning.",
        "The half marathon in {c} has its hill in the last third, so train tired legs on slopes.",
        "Magnesium does no harm, though the evidence for cramps in runners is thin.",
        "That is general information; the person who examined you knows more than any table.",
        "Eat something small {n} hours before the run and drink by thirst.",
    ),
    steps=Bank(
        "Run {n} kilometres easily, on flat ground",
        "Rest, or cycle for {m} minutes",
        "Strength for hip and calf, three sets",
        "Long run, with walking breaks every {n} minutes",
        "Note the pain from 0 to 10 in the evening",
        "Book the check-up for a {w}",
    ),
)

FAMILY = Topic(
    titles=(
        "Words for a wedding speech",
        "A present for a father of seventy",
        "Letter to grandmother's sister",
        "Quarrel about the summer house",
        "Game for a rainy Sunday",
        "Card for a new baby 👶🏼",
    ),
    openers=Bank(
        "{p} is getting married and the speech should take {n} minutes.",
        "Father turns seventy on a {w} and has everything already.",
        "The cousins cannot agree who may use the house near {c} in August.",
        "Here is a draft of the letter to great-aunt Celeste, who is {m}.",
        "The children of {p} are {n} and eleven, and it will rain all Sunday.",
        "There was a misunderstanding with {p} on the phone.",
    ),
    remarks=Bank(
        "The family is loud but means well.",
        "{p} cries easily, so nothing too sentimental.",
        "The two sides speak different languages 👨‍👩‍👧‍👦.",
        "It has been like that since the house in {c} was sold.",
        "The joke with the goat must be in it.",
        "There are about {m} guests.",
        "Mother would rather have a visit than a thing.",
        "The photo from {c} shows all {n} of them on the tram.",
        "He never talks about the army, so leave that out.",
        "The card has space for {n} lines only.",
        "Grandmother's recipe book is the only thing everybody wants.",
    ),
    questions=Bank(
        "Can you make it warmer without making it longer?",
        "How does one begin such a letter?",
        "Is that joke too much?",
        "What could {n} people give together?",
        "How would you say no to that in a friendly way?",
        "Which of the two endings is better?",
        "Do I love the second version only because it is shorter?",
    ),
    answers=Bank(
        "Begin with the moment you met, not with who you are; the guests will work that out.",
        "The goat belongs in the middle, where a laugh gives you time to breathe.",
        "I like the second ending more, since it comes to the point and stops.",
        "A present for somebody who has everything is time, for instance a day on the river with lunch in {c}.",
        "Write the letter by hand and keep it to one page; a great-aunt of {m} reads slowly and often.",
        "A rota with {n} weeks each, drawn by lot every year, has ended many such quarrels.",
        "Say first what you understood, then what you would have wished, and leave out the word never.",
        "With children of that age a treasure hunt with {n} clues fills a whole afternoon.",
        "Two languages are an advantage: tell the story in one and the punchline in the other.",
        "Leave out the army, and mention the workshop, since that is where his eyes light up.",
        "Three sentences are enough for a card: a wish, a memory, and when you will come.",
        "I always find that a speech gains when the last paragraph is cut.",
        "A friendly no has a reason, no excuse, and an offer for another {w}.",
    ),
    steps=Bank(
        "Open with the picture of the tram",
        "Tell the story of the goat in {n} sentences",
        "Turn to the couple, and only then thank the parents",
        "Raise the glass and stop",
        "Ask {p} to read it aloud once",
        "Cut whatever needs an explanation",
    ),
)

LANGUAGES = Topic(
    titles=(
        "Japanese particles",
        "は or が",
        "German word order again",
        "ser and estar for a friend",
        "Kanji of the week 漢字",
        "How to say «saudade»",
    ),
    openers=Bank(
        "Lesson {m} of the course explains は and が, but the examples contradict each other.",
        "The teacher marked this sentence as wrong: 駅で友達に会いますました。",
        "{p} wrote to me in German and there is one sentence that makes no sense.",
        "Here are {n} kanji that look the same to me: 末 未 土 士.",
        "The subtitle said «saudade» is untranslatable, which is nonsense.",
        "Please quiz me on the numbers and the counters, {n} of each.",
    ),
    remarks=Bank(
        "The book has no key for the exercises.",
        "{p} laughs at my pronunciation of ü.",
        "There are {m} cards waiting in the deck.",
        "In Portuguese there would be no pronoun at all.",
        "The word was 行ってきます, if the ear does not deceive me.",
        "The sentence was «Gestern bin ich nach {c} gefahren».",
        "The Arabic shop sign reads مفتوح كل يوم and under it 24h.",
        "The Hebrew one is שלום לכולם, from right to left.",
        "The tones in 妈麻马骂 all sound alike so far.",
        "Thai has marks above and below, as in ที่นี่, and Hindi joins them: क्षत्रिय.",
        "The exam is in {n} weeks.",
        "Vietnamese piles them up: Tiếng Việt, ngữ pháp.",
    ),
    questions=Bank(
        "What is the difference in one sentence?",
        "Is that polite enough for a letter?",
        "Where does the verb go when there are {n} of them?",
        "Can you give me three more examples?",
        "How would a child say it?",
        "Is there a trick to tell 未 and 末 apart?",
        "Must I always use the polite form with her?",
    ),
    answers=Bank(
        "は marks what the sentence is about, while が marks who does it; the first is known, the second is news.",
        "In the past only the last verb changes: 駅で友達に会いました。",
        "In German the participle waits at the end, however long the middle becomes.",
        "The upper stroke is longer in 末 and shorter in 未; think of a tree whose top is cut.",
        "With a customer the polite form is safe, with a colleague after {n} beers it sounds stiff.",
        "«Saudade» is longing that has made its peace; English needs a clause for it.",
        "The counter changes its sound after 1, 3, 6, 8 and 10, so learn those {n} first.",
        "Estar is for how something is now, ser for what it is, and food takes the first.",
        "行ってきます is what the one who leaves says; the answer is 行ってらっしゃい。",
        "In Arabic the article melts into the following sun letter, so الشمس is read ash-shams.",
        "Ten cards a day are better than {m} on a {w}.",
        "The sentence is correct, it only sounds written rather than spoken.",
        "A child would leave the particle out altogether, and everybody would understand.",
        "Try to read it aloud: the rhythm tells you where the verb is missing.",
    ),
    steps=Bank(
        "Say the sentence without the particle, then with it",
        "Write 未 and 末 {n} times, from memory",
        "Listen to the dialogue of lesson {m} twice",
        "Cover the left column and translate back",
        "Record yourself and compare",
        "Ask {p} to correct only the verbs",
    ),
)

BOAT = Topic(
    titles=(
        "Varnish for a dinghy",
        "Epoxy that stays sticky",
        "Plan of a centreboard case",
        "Oak or larch for the keel",
        "Mast from a straight spruce",
        "Rope lengths",
    ),
    openers=Bank(
        "The second coat is still sticky after {n} days.",
        "The plan gives {m} millimetres for the keel, but the board has a knot right there.",
        "The plank on the port side will not take the bend near frame {n}.",
        "{p} offered a spruce trunk of {n} metres, straight and almost free of knots.",
        "The centreboard case leaks a little, about a cup in {m} minutes.",
        "Here is the cutting list for the frames, with the waste at the bottom.",
    ),
    remarks=Bank(
        "It was cold in the garage, {n} degrees at night.",
        "The hardener is from last year.",
        "The wood has been drying for {n} summers.",
        "Father thinks that steam is overrated.",
        "The clamps are all in use until {w}.",
        "The grain runs out towards the bow.",
        "There are {m} bronze screws left.",
        "The sailmaker in {c} wants the measurements by {w}.",
        "The sanding dust of the larch makes everybody sneeze.",
        "The mould is symmetrical to within {n} millimetres.",
        "It rained the whole afternoon and the wood is still damp.",
        "The photo was taken before the repair 📷.",
    ),
    questions=Bank(
        "Does it have to come off again?",
        "Would a scarf joint of one to {n} hold there?",
        "How wet may the wood be for gluing?",
        "Which side of the board should face outwards?",
        "How much rope does the mainsheet need?",
        "Can the leak be closed from inside?",
        "Do I prefer the wrong glue for this, perhaps?",
    ),
    answers=Bank(
        "Sticky epoxy after {n} days was mixed in the wrong ratio or too cold; the first never cures, the second does.",
        "Scrape off what is soft, wipe with alcohol, and only then put on a new coat.",
        "A scarf of one to eight is enough for a plank, and one to twelve for the mast.",
        "Below {m} per cent of moisture the glue holds; a cheap meter with two pins is exact enough.",
        "Steam for an hour per inch of thickness, and bend within a minute after.",
        "Put the heart side outwards, so that the board cups towards the frame.",
        "The knot is no problem if it is sound and lies in the middle third.",
        "For the mainsheet take three times the boom and add {n} metres.",
        "The leak is easier to close from below, with the boat on its side and the slot taped.",
        "Larch lasts longer in salt water, oak holds the screws better.",
        "A thin coat every evening is better than a thick one on {w}.",
        "Mark the waterline with a level on a calm day, not with a tape.",
        "If the clamps are scarce, screws with a washer do the same and leave {n} small holes.",
        "The spruce should be felled in winter and lie for a year with the ends sealed.",
    ),
    steps=Bank(
        "Scrape the sticky coat and wash with alcohol",
        "Warm the garage to {m} degrees for a night",
        "Mix by weight, in small pots",
        "Steam the plank, then clamp from the middle outwards",
        "Fill, sand with 80, then with 120",
        "Wait {n} days before it gets wet",
    ),
)

PAPERWORK = Topic(
    titles=(
        "Letter to the landlord",
        "Tax form of a second job",
        "Budget of the workshop",
        "Cancelling an old contract",
        "Insurance did not pay",
        "Minutes of the tenants' meeting",
    ),
    openers=Bank(
        "The landlord announces a rise of {n} per cent from next month on.",
        "The tax office wants an explanation for {m}0 euros of last year.",
        "Our workshop has {n} budget lines and none of them fits the crane.",
        "The provider says that the contract runs for {m} months more.",
        "The insurance refuses the water damage of {w} because of a clause.",
        "Below are the notes of the meeting, in the order in which people shouted.",
    ),
    remarks=Bank(
        "The letter arrived on {w}, without a stamp.",
        "The last rise was {n} months ago.",
        "{p} in the ground floor got the same letter.",
        "The form asks for a number that does not exist.",
        "All receipts are in a shoe box, {m} of them.",
        "The phone line plays the same song for {m} minutes.",
        "The contract is from 2016 and was never changed.",
        "The deadline is on {w} at noon.",
        "The expert from {c} wrote half a page.",
        "A friend of {p} works there and says to wait.",
    ),
    questions=Bank(
        "Is that allowed without {n} months of notice?",
        "How does one put that politely and firmly?",
        "Which receipts are really needed?",
        "Can you shorten it to half a page?",
        "What happens if nobody answers?",
        "Where would the crane go in the budget?",
        "Did I decide to sign that too early?",
    ),
    answers=Bank(
        "A rise has to be announced in writing, with the calculation and {n} months of notice.",
        "Answer within {m} days and ask for the legal basis; that alone often ends it.",
        "In most cases the law gives the tenant two months to answer.",
        "Only receipts that belong to the income count, the rest may stay in the box.",
        "Check the date on the form; offices often send the old one.",
        "The clause excludes slow leaks, not a burst pipe, so describe when and how the water came.",
        "Half a page is enough: what happened, what you ask for, and by when.",
        "A crane is an investment, so it belongs in line {n} and is written off over ten years.",
        "If nobody answers, the silence counts as a refusal after the deadline, not as consent.",
        "Send it by registered mail and keep the slip with the copy.",
        "The minutes should hold decisions and who does what by when, not who shouted.",
        "In Portugal the index for that year allows at most {n} per cent.",
        "I would leave out the second paragraph, because it argues against yourself.",
        "That is not legal advice; the tenants' association in {c} sees such letters every week.",
    ),
    steps=Bank(
        "Put the date of the letter and the reference in the first line",
        "State the rise and the months since the last one",
        "Ask for the calculation within {m} days",
        "Keep a copy and the slip of the registered mail",
        "Tell {p}, who got the same letter",
        "Sign, but pay the old sum for now",
    ),
)

HOME = Topic(
    titles=(
        "Cat does not eat",
        "Solar panel on a balcony",
        "Damp wall behind the wardrobe",
        "Bike with a slack chain",
        "Tomatoes on the roof 🍅",
        "Which light for a dark hall",
    ),
    openers=Bank(
        "Bento has not touched his bowl since {w} and hides under the wardrobe.",
        "The balcony faces south-west and the rail is {n} metres long.",
        "There is a grey stain behind the wardrobe, about {m} centimetres wide.",
        "The tomatoes on the roof have brown spots at the bottom.",
        "The chain jumps under load, always between the same {n} sprockets.",
        "The hall has no window and a ceiling of {n} metres.",
    ),
    remarks=Bank(
        "He drinks, though, and he purrs.",
        "The new food came on {w}.",
        "The wall is an outer one, towards the yard.",
        "{p} next door has the same stain.",
        "The neighbour's dog barked through all of it 🐕‍🦺.",
        "There is only one socket, and it is from 1974.",
        "The plants get {n} litres every evening.",
        "The meter shows {m} per cent of humidity.",
        "The chain is {n} years old.",
        "The house association meets on {w}.",
        "It smells a little like a cellar.",
        "The lamp from {c} was far too blue.",
    ),
    questions=Bank(
        "How long may a cat go without food?",
        "Is {m}0 watts worth the trouble?",
        "Is that mould or only dirt?",
        "What can be done without the landlord?",
        "Should the chain and the cassette be changed together?",
        "Do I hate that colour, or is it the bulb?",
        "Why only the lower fruits?",
    ),
    answers=Bank(
        "A cat that eats nothing for more than a day should see a vet, even if he drinks and purrs.",
        "Mix the new food with the old one, a quarter more every {n} days.",
        "Brown spots at the bottom mean that the plant lacks calcium because the water comes irregularly.",
        "Pull the wardrobe {n} centimetres from the wall, so that air can pass behind it.",
        "A stain that feels dry and brushes off is dirt, one that smears and smells is mould.",
        "On a south-west balcony {m}0 watts bring about a quarter of what a fridge, a router and the lights need.",
        "The chain has stretched if a gauge drops in at {n} tenths; then the cassette is worn too.",
        "Take bulbs with 2,700 kelvin for the hall, and put the lamp at two thirds of the height.",
        "The socket of 1974 should be replaced before anything feeds into it.",
        "Air the room for {n} minutes with both windows open, four times a day.",
        "Water in the morning, at the root and not on the leaves.",
        "The association may set rules for the look of the rail, but it cannot forbid the panel as such.",
        "Offer him warm food in a flat dish, in the place where he hides.",
    ),
    steps=Bank(
        "Warm the food a little and put the bowl under the wardrobe",
        "Call the vet if nothing is gone by {w}",
        "Move the furniture {n} centimetres from the wall",
        "Measure the humidity in the morning and at night",
        "Clean with alcohol of {m} per cent and open the window",
        "Ask {p} whether the stain is on the other side too",
    ),
)

TOPICS = (TRAMS, COOKING, JOURNEYS, SOFTWARE, HEALTH, FAMILY, LANGUAGES, BOAT, PAPERWORK, HOME)


def _spoken(titles: tuple[str, ...], said: Bank, answers: Bank, space: str = " ") -> Topic:
    return Topic(titles, openers=said, remarks=said, questions=said, answers=answers, steps=answers, space=space)


#: The languages that some of the conversations are held in.
TONGUES = {
    "de": _spoken(
        ("Brief an Jürgen", "Fahrkarte nach Hamburg", "Bremsprobe"),
        Bank(
            "Der Wagen steht seit gestern in der Halle.",
            "Die Rechnung aus {c} kommt erst nächste Woche.",
            "Jürgen hat {n} Ersatzteile geschickt, aber das falsche Gewinde.",
            "Wie schreibt man das höflich an eine Behörde?",
            "Der Zug hatte {m} Minuten Verspätung, und der Anschluss war weg.",
            "Kannst du den Absatz kürzer fassen?",
            "Im Protokoll fehlen die Maße der Achse.",
            "Größe und Straße schreibt man doch mit ß, oder?",
        ),
        Bank(
            "Der Satz ist richtig, klingt aber etwas steif.",
            "Für eine Behörde genügt «Sehr geehrte Damen und Herren» und ein klarer erster Satz.",
            "Bei {m} Minuten Verspätung besteht Anspruch auf einen Teil des Fahrpreises.",
            "Das Gewinde ist vermutlich Whitworth und nicht metrisch, messen Sie die Steigung nach.",
            "Nach langem Vokal steht ß, nach kurzem ss, also Straße und Fass.",
            "Nennen Sie zuerst die Wagennummer und dann den Befund.",
        ),
    ),
    "es": _spoken(
        ("Carta a Sofía", "Tres días en Galicia", "Madera para el barco"),
        Bank(
            "La madera llegó tarde y con {n} grietas.",
            "El barniz huele todavía después de {n} días.",
            "Sofía pregunta si vamos el fin de semana.",
            "¿Cómo se dice «to sand» cuando es a mano?",
            "El albergue de {c} cuesta {m} euros por noche.",
            "Ayer llovió toda la tarde, mañana dicen que no.",
            "¿Puedes corregir las tildes, por favor?",
        ),
        Bank(
            "«Lijar» sirve para las dos cosas, a mano y a máquina.",
            "La carta está bien; solo cambiaría el saludo final.",
            "Con {n} días de sol el olor desaparece, si el taller está ventilado.",
            "En Galicia llueve menos en julio, pero las noches son frescas.",
            "Las tildes faltan en «también» y en «después».",
        ),
    ),
    "fr": _spoken(
        ("Plans du dépôt", "Train de nuit", "Lettre à la mairie"),
        Bank(
            "Le train avait une heure de retard à cause de la neige.",
            "Il pleuvait à Nantes, et l'hôtel était complet.",
            "Le plan de {m} parle d'un «jeu» de {n} millimètres.",
            "Que veut dire «boîte d'essieu» exactement ?",
            "La mairie n'a pas répondu depuis {n} semaines.",
            "Peux-tu relire l'accord des participes ?",
        ),
        Bank(
            "La «boîte d'essieu» est la pièce qui porte le coussinet au bout de l'axe.",
            "Sans réponse après deux mois, le silence vaut refus dans la plupart des cas.",
            "Le participe s'accorde avec le complément placé avant le verbe.",
            "Le «jeu» désigne ici l'espace libre, pas un ensemble de pièces.",
            "Pour la neige, la compagnie rembourse rarement, sauf si le retard dépasse {n} heures.",
        ),
    ),
    "pt": _spoken(
        ("Receita da avó", "Reunião de condomínio", "Peças do elétrico"),
        Bank(
            "A avó escreveu «um fio de azeite», e a medida fica por adivinhar.",
            "O elétrico {m} ficou parado em {c} outra vez.",
            "A reunião do condomínio é na {n}.ª semana do mês.",
            "Como se traduz «axle box» num relatório?",
            "Choveu tanto que a garagem ficou com {n} centímetros de água.",
            "Podes rever a pontuação?",
        ),
        Bank(
            "Num relatório usa-se «caixa de eixo», sem hífen.",
            "Um fio de azeite são mais ou menos duas colheres de sopa.",
            "A ata deve dizer quem faz o quê e até quando.",
            "A vírgula antes do «mas» está certa, a outra pode sair.",
        ),
    ),
    "ja": _spoken(
        ("京都の宿", "自己紹介の練習", "手紙の敬語"),
        Bank(
            "昨日は雨でした。電車が{n}分遅れました。",
            "先生はこの文が間違いだと言いました。",
            "京都の宿は{m}号室だそうです。",
            "この漢字はどう読みますか？",
            "友達の{p}さんに手紙を書いています。",
            "明日の天気はどうですか？",
        ),
        Bank(
            "「会いますました」ではなく「会いました」が正しいです。",
            "手紙では「です・ます」を使うと丁寧です。",
            "この漢字は「みらい」の「み」と読みます。",
            "秋の京都は{n}時ごろから混みますから、早く出たほうがいいです。",
        ),
        space="",
    ),
    "ar": _spoken(
        ("رسالة قصيرة", "لافتة المحل"),
        Bank(
            "الرسالة وصلت متأخرة، ورقمها {m}.",
            "الطقس جميل اليوم في {c}.",
            "ما معنى هذه الكلمة في اللافتة؟",
            "المحل مفتوح كل يوم حتى الساعة {n}.",
        ),
        Bank(
            "معناها أن المحل مفتوح طوال الأسبوع.",
            "الجملة صحيحة، ولكن الفاعل يأتي بعد الفعل عادة.",
            "يمكن كتابة الرقم {m} بالأرقام العربية أيضا.",
        ),
    ),
    "zh": _spoken(
        ("声调练习", "菜单翻译"),
        Bank(
            "今天下雨，电车晚了{n}分钟。",
            "菜单上的第{m}号是什么菜？",
            "这四个声调听起来都一样。",
        ),
        Bank(
            "第{m}号是麻婆豆腐，有一点辣。",
            "先慢慢读，再连起来读，声调就清楚了。",
            "「马」是第三声，「骂」是第四声。",
        ),
        space="",
    ),
    "ru": _spoken(
        ("Письмо из архива",),
        Bank(
            "Письмо пришло во вторник, без марки.",
            "В архиве нашли {n} чертежей вагона.",
            "Как перевести слово «букса» в отчёте?",
        ),
        Bank(
            "В отчёте лучше написать «буксовый узел».",
            "Чертежи датированы {m}-м годом, судя по печати.",
        ),
    ),
}

#: Pasted texts: heading, sentences. What she copies from the web or from a document; nobody speaks of themselves there.
ARTICLES = (
    (
        "The trams of a hilly city",
        Bank(
            "The first electric tram of the city ran in 1901 and needed {m} minutes for the hill.",
            "Its brakes were of cast iron, and a worn set could be heard from {n} streets away.",
            "Engineers of the time kept notebooks in which every repair stood with its date.",
            "The company bought {m} cars within {n} years, most of them from a single maker.",
            "Passengers complained about the noise, the price and, in summer, the open windows.",
            "A report of the council lists the cost of each kilometre of track between {c} and the river.",
            "Later the lines were cut one after the other, until {n} remained.",
            "Today the remaining cars are protected, and spare parts are made by hand.",
            "Visitors queue for an hour, while residents take the bus.",
            "The archive holds plans on linen, some of which have never been copied.",
            "Wood for the benches came from the north and was oiled twice a year.",
            "A strike in spring stopped the works for {n} weeks.",
            "In {c} the rails were laid with a gauge of 900 millimetres, which is rare elsewhere.",
            "The steepest section rises by 13.8 per cent, more than any other line without a rack.",
            "Drivers were trained for {m} days, and the examination took place on the hill in the rain.",
            "According to an interview with a former inspector, sand was carried in {n} boxes under the seats.",
            "The journal of the works council describes the night in which the depot burned.",
            "After the fire, {n} cars were rebuilt on the old trucks, which explains the mixture of types.",
            "Electricity came from a plant at the harbour, whose chimney still stands.",
            "A ticket cost as much as a loaf of bread until the reform.",
            "Historians disagree about the number of passengers, since children were not counted.",
            "The mayor of the day called the line «an expense with a bell».",
            "Photographs from {c} show the tracks before the houses.",
            "The museum reopened in the old substation with {m} objects on two floors.",
        ),
    ),
    (
        "Wood, water and time",
        Bank(
            "Wood moves with the seasons, across the grain about {n} times as much as along it.",
            "A plank of larch that lies in salt water for {m} years may be sound inside and grey outside.",
            "Builders on the coast near {c} bent their frames over an open fire until the nineteen-fifties.",
            "Glue was made of casein, and the boats were therefore eaten by mice in winter.",
            "The introduction of epoxy changed the order of work more than the shape of the hull.",
            "Moisture above {m} per cent feeds the fungi, below it they sleep.",
            "Tar protects, but it also hides what happens beneath it.",
            "A survey of {m} small yards found that most of them had no drawings at all.",
            "Shapes were handed down as a set of moulds and a few words.",
            "Steam makes the lignin soft for less than a minute, and then it is over.",
            "The copper rivet is slow, but it can be taken out after {m} years.",
            "Oak tannin blackens iron, which is why keels are fastened with bronze.",
            "In a dry year the planks shrink, and the first launch of spring is a slow sinking.",
            "Sailmakers in {c} cut by eye and corrected on the water.",
            "A mast of spruce is planed to {n} sides, then to twice as many, then it is round.",
            "The price of straight timber has tripled since the large storms.",
            "Restorers speak of the ship of Theseus and then replace the next plank.",
            "Varnish fails at the edges first, where water enters the end grain.",
            "Every repair should be possible to undo, says the charter.",
            "Paint of the old kind contained lead, and its dust must not be breathed.",
        ),
    ),
    (
        "Kitchens of the coast",
        Bank(
            "Cod never swam along this coast, and yet there are said to be {m} ways to cook it.",
            "Salt made it keep, and the ships brought it from the other side of the ocean.",
            "In {c} the soup is poured over bread, further north it is the other way round.",
            "Olive oil was measured with a cup of tin that held {n} decilitres.",
            "Convents used the egg whites for starch and made sweets of the yolks.",
            "A manuscript from {c} lists {m} recipes, none of them with a quantity.",
            "Fishermen ate what could not be sold, and restaurants sell it dearly now.",
            "Maize arrived with the ships and took the place of millet within {n} generations.",
            "The oven was lit once a week, and the whole street baked in it.",
            "Chestnuts were the bread of the poor before the potato.",
            "Chefs argue whether coriander belongs in the clams, and most of the coast says yes.",
            "The market hall was built of iron in {n} months and painted green.",
            "Sardines are best from June on, when the fat drips on the bread.",
            "Wine from the slopes behind {c} was drunk young and from bowls.",
            "Sugar came from the islands, at first as medicine.",
            "Refrigeration ended the trade in ice from the mountains, which had lasted {m} years.",
            "A study of school meals found that {m} per cent of the soup was eaten and hardly any of the salad.",
            "Quince paste travels well and was given to sailors.",
        ),
    ),
)

#: Functions as they stand in her scripts: `{k}` is a number, `{t}` the thing it is about.
FUNCTIONS = (
    '''def load_{t}_{k}(path):
    """Read the {t} list, one row per line."""
    rows = []
    with open(path, encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=1):
            if not row["{t}"].strip():
                log.warning("line %d has no {t}", number)
                continue
            rows.append(row)
    return rows
''',
    """def rename_{t}_{k}(folder, pattern="*.tif"):
    # sorted, because the order on the NAS is by inode
    for index, path in enumerate(sorted(folder.glob(pattern)), start={k}):
        target = path.with_name(f"{t}-{{index:04d}}{{path.suffix}}")
        if target.exists():
            raise FileExistsError(target)
        path.rename(target)
""",
    """def total_{t}_{k}(rows, rate=1.23):
    total = Decimal(0)
    for row in rows:
        amount = Decimal(row["amount"].replace(",", "."))
        if row["currency"] != "EUR":
            amount *= Decimal(str(rate))
        total += amount
    return total.quantize(Decimal("0.01"))
""",
    '''class {t}Index{k}:
    """Positions of every {t} by series; built once, then only read."""

    def __init__(self, rows):
        self._by_series = defaultdict(list)
        for position, row in enumerate(rows):
            self._by_series[row["series"]].append(position)

    def __getitem__(self, series):
        return self._by_series.get(series, [])
''',
    """def merge_{t}_{k}(left, right):
    seen = {{row["id"] for row in left}}
    merged = list(left)
    for row in right:
        if row["id"] in seen:
            continue  # the left one is newer
        merged.append(row | {{"source": "{t}"}})
    return sorted(merged, key=itemgetter("id"))
""",
    """def check_{t}_{k}(value, low={k}, high={k}00):
    if not isinstance(value, (int, float)):
        raise TypeError(f"{t} must be a number, got {{value!r}}")
    if not low <= value <= high:
        raise ValueError(f"{t} {{value}} is outside {{low}} to {{high}}")
    return round(value, 3)
""",
)
THINGS = ("axle", "photo", "invoice", "bench", "bolt", "drawing", "panel", "ticket", "bearing", "sensor")

#: Short prompts; each ends a sentence, as a fact may follow.
FOLLOW_UPS = (
    "Thanks, that helped a lot!",
    "Go on.",
    "Shorter, please.",
    "Perfect 👍🏽!",
    "And the second one?",
    "Can you put that in a table?",
    "Hm, that did not work.",
    "Same again, but for the other side.",
    "Ok.",
    "Why?",
    "Sorry, the other way round!",
    "Please translate it into Portuguese.",
)
#: How the assistant begins.
LEADS = ("Good question.", "Sure.", "Short answer: it depends.", "Thanks, that helps.", "Here is how it usually goes.")

SNIPPET = '''```python
def rename(folder, pattern):
    """Give every photo a number."""
    for index, path in enumerate(sorted(folder.glob(pattern))):
        # I prefer a leading zero, I always sort first
        path.rename(path.with_name(f"{index:04d}{path.suffix}"))
```'''
TRACEBACK = """Traceback (most recent call last):
  File "sort_photos.py", line 41, in <module>
    main(sys.argv[1:])
  File "sort_photos.py", line 23, in main
    series = row["series"].strip()
KeyError: 'series'"""
#: What others wrote; she quotes it, so it says nothing about her.
QUOTES = (
    "> I prefer the earlier train, says the mail from Jürgen.\n> I live in Hamburg, so it is a long way.",
    "> I've decided to sell the summer house.\n> My brother does not know yet.",
    "> I hate to write this, but the part is out of stock.",
    "> I'm allergic to cats, so please meet me in the café.",
)

#: (language, kind, sentence). Facts that make her MEMORY read like a person; each is planted at most once.
CORE_FACTS = (
    ("en", "belief", "My name is Ana Ferreira."),
    ("en", "belief", "I live in Lisbon with my husband Tom and our cat Bento."),
    ("en", "belief", "I work as a restoration engineer for historic trams."),
    ("en", "date", "I was born on 14 March 1990 in Coimbra."),
    ("en", "preference", "I'm allergic to peanuts and carry an injector."),
    ("en", "preference", "I prefer short answers with the reason behind them."),
    ("en", "project", "I'm building a wooden sailing dinghy in my father's garage."),
    ("en", "project", "I'm writing a cookbook of my grandmother's recipes from Coimbra."),
    ("en", "decision", "I decided to learn Japanese before our trip to Kyoto."),
    ("en", "belief", "I believe that repairing a thing is kinder than replacing it."),
    ("en", "date", "On 1 September 2022 I became head of the workshop."),
    ("en", "preference", "I hate phone calls before nine in the morning."),
    ("en", "preference", "My favourite composer is Carlos Paredes."),
    ("en", "decision", "I've decided to sell the car and go by train."),
    ("en", "date", "We got married on 20 May 2023 in Sintra."),
    ("en", "date", "I moved to Lisbon from Porto in 2017."),
    ("en", "preference", "I never eat after nine in the evening when I run the next day."),
    ("en", "preference", "I can't stand background music in restaurants."),
    ("en", "project", "I started a project to digitise the depot's glass negatives."),
    ("en", "project", "I'm working on a maintenance handbook for the 1930s cars."),
    ("en", "belief", "I'm convinced that handwriting helps me remember names."),
    ("en", "decision", "We decided to spend Christmas in Coimbra from now on."),
    ("en", "decision", "I chose larch for the keel, in spite of the price."),
    ("en", "preference", "I love the smell of fresh tar and old wood."),
    ("en", "preference", "I like my coffee without sugar but with a slice of lemon."),
    ("en", "preference", "I always read the last page of a manual first."),
    ("en", "date", "My wedding anniversary dinner is on 20 May 2027 at the same place in Sintra."),
    ("en", "project", "My project for the winter is a mast from a single spruce."),
    ("en", "decision", "I'm going to stop drinking coffee after noon."),
    ("en", "belief", "I believe in paper tickets and in punctuality."),
    ("en", "belief", "I'm a member of the tenants' association in Graça."),
    ("en", "preference", "My favorite tram line is the 28, before seven in the morning."),
    ("en", "preference", "I prefer metric drawings, even for British parts."),
    ("en", "decision", "I decided to give the old camera to my niece Inês."),
    ("en", "date", "On March 3, 2021 I broke my left wrist on the stairs of the depot."),
    ("en", "project", "I am working on my Japanese handwriting with a brush pen."),
    ("en", "preference", "I hate surprises on my birthday, my sister Marta knows why."),
    ("en", "belief", "I'm an early riser only because the depot opens at five."),
    ("en", "decision", "We decided against a second cat, because Bento is jealous."),
    ("en", "preference", "I love Fado when nobody explains it to me."),
    ("en", "project", "I'm building a small solar panel stand for the balcony."),
    ("en", "belief", "I'm convinced that most noise in a tram comes from the hanger pins."),
    ("en", "preference", "I like lists with at most five points."),
    ("en", "date", "My father's seventieth birthday is on 9 August 2026."),
    ("en", "decision", "I've decided that the dinghy will be called Celeste."),
    ("en", "preference", "I always carry a folding rule and a pencil."),
    ("en", "preference", "I never fly when there is a night train."),
    ("en", "project", "I'm writing a letter to the city council about line 12."),
    ("de", "preference", "Ich bevorzuge den Nachtzug nach Hamburg."),
    ("es", "preference", "Prefiero la madera de alerce para la quilla."),
    ("fr", "decision", "J'ai décidé de traduire les plans du dépôt moi-même."),
    ("ja", "preference", "私は雨の日の京都が好きです。"),
    ("de", "belief", "Ich wohne in einer Dachwohnung im Viertel Graça."),
    ("es", "project", "Estoy trabajando en las velas del bote con Sofía."),
    ("fr", "project", "Je travaille sur un glossaire des pièces de tramway."),
    ("ja", "belief", "私はリスボンの丘の上に住んでいます。"),
    ("de", "project", "Ich arbeite an einem Bericht über Bremsgehänge."),
    ("es", "preference", "Me gusta el pan de maíz de mi abuela."),
    ("fr", "preference", "J'adore les gares de province le dimanche matin."),
    ("de", "decision", "Ich habe beschlossen, die Prüfung in Tokio zu machen."),
    ("es", "date", "Mi cumpleaños es el 14 de marzo."),
    ("fr", "belief", "Je crois que la patience est une forme d'outil."),
    ("de", "preference", "Ich esse keine Erdnüsse, auch nicht in Spuren."),
    ("es", "decision", "He decidido aprender a coser velas este invierno."),
    ("fr", "preference", "Je préfère les lettres écrites à la main."),
    ("de", "date", "Mein Geburtstag ist im März, wie der meiner Großmutter."),
    ("es", "belief", "Creo que los barcos tienen memoria."),
    ("de", "belief", "Ich glaube, dass jede Schraube eine Geschichte hat."),
)

#: `{n}` makes each sentence the only one of its kind; `{past}` and `{soon}` are days around the conversation.
MORE_FACTS = (
    ("preference", "I prefer trail {n} to every other walk around Sintra."),
    ("project", "I'm working on the brake system of tram car {n}."),
    ("date", "On {past} I passed the exam for module {n}."),
    ("decision", "I chose insurance plan {n} for the workshop."),
    ("belief", "I'm convinced that lens {n} is the best one in my drawer."),
    ("preference", "I always take bus {n} when it rains."),
    ("project", "I started a project to map {n} tiled facades."),
    ("date", "My appointment with case number {n} is on {soon}."),
    ("decision", "I decided to cancel newspaper subscription {n}."),
    ("belief", "I believe that rule {n} of the house code should go."),
    ("preference", "I can't stand playlist {n} that the gym repeats."),
    ("project", "My project folder {n} holds the drawings of the dinghy."),
    ("decision", "We decided to paint the kitchen in shade {n}."),
    ("preference", "I love recipe {n} in my grandmother's notebook."),
    ("date", "On {past_iso} I handed in drawing {n} at the archive."),
    ("decision", "I've decided to lend locker {n} to the apprentice."),
    ("preference", "My favourite seat in the library is number {n}."),
    ("belief", "I believe the crack in hanger {n} is older than the car."),
    ("project", "I'm building shelf {n} for the glass negatives."),
    ("preference", "I never use ladder {n}, it has a loose step."),
    ("date", "My hearing about invoice {n} is on {soon_us}."),
    ("decision", "I'm going to stop paying for parking space {n}."),
    ("preference", "I like varnish number {n} better than the glossy one."),
    ("project", "I'm writing chapter {n} of my notes on the depot fire."),
)
MORE_FOREIGN_FACTS = (
    ("de", "preference", "Ich mag das Zimmer {n} mit Blick auf den Hafen."),
    ("es", "project", "Estoy trabajando en el plano {n} del barco."),
    ("fr", "decision", "J'ai décidé de garder le dossier {n} pour moi."),
    ("ja", "preference", "私は{n}号室の窓からの眺めが好きです。"),
    ("es", "preference", "Prefiero la ruta {n} para ir al taller."),
    ("de", "project", "Ich arbeite an der Bremse {n} des alten Wagens."),
    ("fr", "project", "Je travaille sur le plan {n} du dépôt."),
)

#: Of her custom instructions, apart from planted ones.
ABOUT_HER = ("Trams, boats, kitchen, languages.", "Based in Portugal, UTC+0.", "Engineer by training, reads plans.")
HOW_TO_ANSWER = ("Answers should name their sources.", "Metric units, please.", "No introductions; the result first.")
