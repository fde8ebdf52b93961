// What is typed to find people: the beginning of an e-mail address, or a name.

interface Found {
  /** The beginning of an e-mail address. */
  search: string | null;
  /** A rule for names, and for addresses too. */
  rule: unknown;
}

/** More words are not cut any more. */
const MOST_WORDS = 5;

const begins = (field: string, word: string) => ({ text: { field, is: { startsWith: word } } });

/**
 * Returns what to ask for. One word may begin the address, the first or the last name; several words begin names, in
 * either order. Only the beginning of an address is found by an index, so that with an @ nothing else is looked at.
 */
export function searchPeople(text: string): Found {
  const wanted = text.trim();
  if (wanted === '' || wanted.includes('@')) return { search: wanted || null, rule: null };
  const words = wanted.split(/\s+/);
  const whole = [begins('firstName', wanted), begins('lastName', wanted)];
  if (words.length === 1) return { search: null, rule: { any: [begins('email', wanted), ...whole] } };
  // Names of several words, such as `van Dyk`: each place may be the one between first and last name.
  const cuts = words.slice(1, MOST_WORDS).flatMap((_, index) => {
    const [head, tail] = [words.slice(0, index + 1).join(' '), words.slice(index + 1).join(' ')];
    return [
      { all: [begins('firstName', head), begins('lastName', tail)] },
      { all: [begins('lastName', head), begins('firstName', tail)] },
    ];
  });
  return { search: null, rule: { any: [...whole, ...cuts] } };
}

/** Returns a rule that says both; null means all subscribers. */
export function both(one: unknown, other: unknown): unknown {
  return one === null ? other : other === null ? one : { all: [one, other] };
}
