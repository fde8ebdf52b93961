/**
 * The browser's storage for GraphiQL, without request headers.
 *
 * `shouldPersistHeaders={false}` keeps headers out of the stored tabs, but the history plugin would still write
 * them, and an API key with them.
 */
export function storageWithoutHeaders(storage) {
  return {
    get length() {
      return storage.length;
    },
    getItem: key => storage.getItem(key),
    setItem: (key, value) => storage.setItem(key, HISTORY_KEYS.has(key) ? withoutHeaders(value) : value),
    removeItem: key => storage.removeItem(key),
    clear: () => {
      for (const key of Object.keys(storage)) if (key.startsWith('graphiql:')) storage.removeItem(key);
    },
  };
}

const HISTORY_KEYS = new Set(['graphiql:queries', 'graphiql:favorites']);

function withoutHeaders(json) {
  return JSON.stringify(JSON.parse(json), (key, value) => (key === 'headers' ? undefined : value));
}
