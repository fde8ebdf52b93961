// A condition that must not match, in words.

/** The server's words for an event that occurred at all: `at least 1 "purchase" event`. Names are in quotation marks. */
const once = /^at least 1 ((?:"[^"]*"(?:, | or )?)+) event\b/;

/** Returns `no "purchase" events` for `at least 1 "purchase" event`; null for words that need “not” before them. */
export function denyOnce(text: string): string | null {
  return once.test(text) ? text.replace(once, (_, names: string) => `no ${names} events`) : null;
}

/** Returns a denied condition in words. */
export function deny(text: string): string {
  return denyOnce(text) ?? `not: ${text}`;
}
