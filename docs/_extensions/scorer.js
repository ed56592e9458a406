// What a reader searches is more often explained in a lesson than in the page of a module: pages written by hand come first.
var Scorer = {
  score: ([page, , , , score]) =>
    score + (/^(start|lessons\/|symbols|glossary)/.test(page) ? 12 : /^(reference\/generated|gallery)/.test(page) ? -12 : 0),
  // the rest is Sphinx's own
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
