import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './main.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { API_KEY_PLUGIN, withApiKey } from './api-key.jsx';
import { storageWithoutHeaders } from './storage.js';

/** Where queries go, below the base path that the server writes into the page, and over a WebSocket at the same address, subscriptions. */
const ENDPOINT = `${document.querySelector('meta[name="rollcall-base"]').content}/graphql`;

const subscriptionUrl = new URL(ENDPOINT, window.location.href);
subscriptionUrl.protocol = subscriptionUrl.protocol === 'https:' ? 'wss:' : 'ws:';

const fetcher = withApiKey(
  createGraphiQLFetcher({
    url: ENDPOINT,
    subscriptionUrl: subscriptionUrl.href,
    enableIncrementalDelivery: false,
  }),
);

/** The tabs of a first visit, in the order of the files' names. Later visits find their own tabs again. */
const examples = Object.entries(
  import.meta.glob('../examples/*.graphql', { query: '?raw', import: 'default', eager: true }),
)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([, query]) => ({ query }));

/** The document in the part of the address after `#`, which the console links to. It is sent to no server. */
const linked = new URLSearchParams(window.location.hash.slice(1));
const given = linked.has('query')
  ? { query: linked.get('query'), variables: linked.get('variables') ?? '' }
  : null;

createRoot(document.getElementById('root')).render(
  <GraphiQL
    fetcher={fetcher}
    defaultTabs={given ? [given, ...examples] : examples}
    {...(given && { initialQuery: given.query, initialVariables: given.variables })}
    plugins={[HISTORY_PLUGIN, explorerPlugin(), API_KEY_PLUGIN]}
    shouldPersistHeaders={false}
    storage={storageWithoutHeaders(window.localStorage)}
  >
    <GraphiQL.Logo>Rollcall</GraphiQL.Logo>
  </GraphiQL>,
);
