// Texts in the browser's language.
//
// A language is a module that exports an object of texts. A text is a string,
// in which {name} stands for an argument, or an object of strings by plural
// category (Intl.PluralRules), chosen by the argument n. English stands in
// for what a language does not have.

const known = ['en', 'fr'];

// language is the tag that Intl uses, with the region: dates and numbers
// follow the person's own habits.
export const language = choose(navigator.languages || [navigator.language || 'en']);
const short = language.split('-')[0];
const texts = {};
const plural = new Intl.PluralRules(language);
const number = new Intl.NumberFormat(language);

function choose(wanted) {
  return wanted.find((tag) => known.includes(tag.split('-')[0])) || 'en';
}

// learn takes up the texts of a page; load gives the module of a language. It
// must be waited for before the first text is asked for.
export async function learn(load) {
  document.documentElement.lang = short;
  for (const which of short === 'en' ? ['en'] : ['en', short]) Object.assign(texts, (await load(which)).default);
}

await learn((which) => import(`./text/${which}.js`));

// t gives a text. Numbers among the arguments are written as the language
// writes them.
export function t(key, args = {}) {
  let text = texts[key];
  if (text === undefined) {
    console.error(`there is no text ${key}`);
    return key;
  }
  if (typeof text === 'object') text = text[plural.select(args.n)] || text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = args[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? number.format(value) : value;
  });
}

// told says whether there is a text, for words that depend on what a server
// says.
export const told = (key) => texts[key] !== undefined;
