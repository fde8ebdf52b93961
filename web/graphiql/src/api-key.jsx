import { Button, useGraphiQLActions } from '@graphiql/react';
import { useState } from 'react';

/**
 * The key lives in the session storage, so it is gone when the browser tab is closed. It goes along with every
 * request whose own headers name no `Authorization`.
 */
const STORED_AS = 'rollcall:api-key';

/** Wraps a fetcher so that it sends the key, in the headers or, for subscriptions, in the first message. */
export function withApiKey(fetcher) {
  return (params, options) => {
    const key = window.sessionStorage.getItem(STORED_AS);
    const headers = options?.headers ?? {};
    const isSetByHand = Object.keys(headers).some(name => name.toLowerCase() === 'authorization');
    if (!key || isSetByHand) return fetcher(params, options);
    return fetcher(params, { ...options, headers: { ...headers, Authorization: `Bearer ${key}` } });
  };
}

function KeyIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <circle cx="8" cy="16" r="4.5" />
      <path d="M11.2 12.8 20 4m-4.5 4.5 3 3M18 6l2 2" strokeLinecap="round" />
    </svg>
  );
}

function ApiKeyPanel() {
  const { introspect } = useGraphiQLActions();
  const [stored, setStored] = useState(() => window.sessionStorage.getItem(STORED_AS) ?? '');
  const [draft, setDraft] = useState(stored);

  const use = key => {
    if (key) window.sessionStorage.setItem(STORED_AS, key);
    else window.sessionStorage.removeItem(STORED_AS);
    setStored(key);
    setDraft(key);
    introspect();
  };

  return (
    <form
      className="api-key"
      onSubmit={event => {
        event.preventDefault();
        use(draft.trim());
      }}
    >
      <div className="graphiql-doc-explorer-title">API key</div>
      <label htmlFor="api-key">Sent with every request from this browser tab, and forgotten when it is closed.</label>
      <input
        id="api-key"
        className="api-key-input"
        type="password"
        autoComplete="off"
        spellCheck={false}
        value={draft}
        onChange={event => setDraft(event.target.value)}
      />
      <div className="api-key-buttons">
        <Button type="submit" disabled={draft.trim() === stored}>
          Use this key
        </Button>
        <Button type="button" disabled={!stored} onClick={() => use('')}>
          Forget it
        </Button>
      </div>
      <div>{stored ? 'A key is in use.' : 'No key is in use.'}</div>
    </form>
  );
}

export const API_KEY_PLUGIN = { title: 'API key', icon: KeyIcon, content: ApiKeyPanel };
