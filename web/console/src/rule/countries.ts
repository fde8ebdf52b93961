// Countries are stored by their codes; people write their names.
import type { Suggestion } from '../ui/combobox';

/** The codes of ISO 3166-1 that the server takes, one after another. */
const codes = (
  'ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDM' +
  'DODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKN' +
  'KPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPM' +
  'PNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVI' +
  'VNVUWFWSXKYEYTZAZMZW'
).match(/../g)!;

const inEnglish = new Intl.DisplayNames('en', { type: 'region' });
let known: { code: string; name: string; words: string }[] | undefined;

function countries() {
  known ??= codes.map((code) => {
    const name = nameOfCountry(code);
    return { code, name, words: ` ${fold(name)}` };
  });
  return known;
}

/** Without accents and case: `Türkiye` is found by `turk`. */
function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ').trim();
}

/** Returns the English name of a code, or the text itself if it is not a code. */
export function nameOfCountry(code: string): string {
  return codes.includes(code) ? inEnglish.of(code) ?? code : code;
}

/** Returns the code of the country that is written by its code, its name, or as much of that as no other begins with. */
export function codeOfCountry(text: string): string | null {
  const wanted = fold(text);
  if (wanted === 'uk') return 'GB';
  const exact = countries().find(({ code, words }) => code.toLowerCase() === wanted || words === ` ${wanted}`);
  if (exact || wanted === '') return exact?.code ?? null;
  const fitting = countries().filter(({ words }) => words.includes(` ${wanted}`));
  return fitting.length === 1 ? fitting[0]!.code : null;
}

/** Returns the countries with a word that begins like this. Those that occur in the audience come first, with their counts. */
export function suggestCountries(text: string, occurring: readonly Suggestion[]): Suggestion[] {
  const named = occurring.map((each) => ({ ...each, label: nameOfCountry(each.value) }));
  const wanted = fold(text);
  if (wanted === '') return named;
  const found = countries().filter(({ code, words }) => words.includes(` ${wanted}`) || code.toLowerCase() === wanted);
  const fits = new Set(found.map(({ code }) => code));
  const first = named.filter(({ value }) => fits.has(value) || value.toLowerCase().startsWith(wanted));
  const others = found.filter(({ code }) => !first.some(({ value }) => value === code));
  return [...first, ...others.slice(0, 12).map(({ code, name }) => ({ value: code, label: name }))];
}
