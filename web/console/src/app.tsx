// The frame of the console: who is signed in, the navigation, and the page of the present address.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Provider, useClient, useQuery, type Client } from 'urql';
import { Link, Route, Switch, useLocation } from 'wouter';
import { createApiClient } from './api/client';
import { signOut } from './api/session';
import { ShellContext, shellQuery, toShell, type Shell } from './api/shell';
import { SignIn } from './pages/sign-in';
import { Notice } from './ui/notice';
import { ErrorBoundary } from './ui/error-boundary';
import { later } from './ui/later';
import { Failed } from './ui/page';
import { Loading } from './ui/loading';
import { toast, Toasts } from './ui/toasts';
import { Icon, type IconName } from './ui/icon';
import { describeError } from './api/errors';

const Overview = later(() => import('./pages/overview').then((page) => page.Overview));
const Segments = later(() => import('./pages/segments').then((page) => page.Segments));
const SegmentPage = later(() => import('./pages/segment').then((page) => page.SegmentPage));
const EditSegment = later(() => import('./pages/edit-segment').then((page) => page.EditSegment));
const People = later(() => import('./pages/people').then((page) => page.People));
const Person = later(() => import('./pages/person').then((page) => page.Person));
const Groups = later(() => import('./pages/groups').then((page) => page.Groups));
const GroupPage = later(() => import('./pages/group').then((page) => page.GroupPage));
const Imports = later(() => import('./pages/imports').then((page) => page.Imports));
const NewImport = later(() => import('./pages/new-import').then((page) => page.NewImport));
const ImportPage = later(() => import('./pages/import').then((page) => page.ImportPage));
const Fields = later(() => import('./pages/fields').then((page) => page.Fields));
const Refreshes = later(() => import('./pages/refreshes').then((page) => page.Refreshes));
const Keys = later(() => import('./pages/keys').then((page) => page.Keys));
const Audit = later(() => import('./pages/audit').then((page) => page.Audit));
const Webhooks = later(() => import('./pages/webhooks').then((page) => page.Webhooks));
const SettingsPage = later(() => import('./pages/settings').then((page) => page.SettingsPage));

/** Which page an address has, to load its script while the server is still asked who is there. */
const pages: [RegExp, { begin(): Promise<void> }, ((client: Client) => Promise<void>)?][] = [
  [/^\/$/, Overview, (client) => import('./pages/overview').then((page) => page.askAhead(client))],
  [/^\/segments$/, Segments, (client) => import('./pages/segments').then((page) => page.askAhead(client))],
  [/^\/segments\/(new|[^/]+\/edit)$/, EditSegment],
  [/^\/segments\/[^/]+$/, SegmentPage],
  [/^\/people$/, People],
  [/^\/people\/[^/]+$/, Person],
  [/^\/groups$/, Groups],
  [/^\/groups\/[^/]+$/, GroupPage],
  [/^\/imports$/, Imports],
];

interface Place {
  path: string;
  label: string;
  icon: IconName;
}

const places: Place[] = [
  { path: '/', label: 'Overview', icon: 'overview' },
  { path: '/segments', label: 'Segments', icon: 'segment' },
  { path: '/people', label: 'People', icon: 'person' },
  { path: '/groups', label: 'Groups', icon: 'group' },
  { path: '/imports', label: 'Imports', icon: 'import' },
];

const administration: Place[] = [
  { path: '/fields', label: 'Fields', icon: 'field' },
  { path: '/refreshes', label: 'Refreshes', icon: 'refresh' },
  { path: '/keys', label: 'API keys', icon: 'key' },
  { path: '/audit', label: 'Audit log', icon: 'audit' },
  { path: '/webhooks', label: 'Webhooks', icon: 'webhook' },
  { path: '/settings', label: 'Settings', icon: 'settings' },
];

export function App() {
  const [generation, setGeneration] = useState(0);
  const [isSignedOut, setSignedOut] = useState(false);
  // A new client after each sign-in: nothing that another key was shown stays in its cache.
  const client = useMemo(() => createApiClient(() => setSignedOut(true)), [generation]);
  const restart = useCallback(() => {
    setSignedOut(false);
    setGeneration((generation) => generation + 1);
  }, []);

  if (isSignedOut) return <SignIn onSignedIn={restart} />;
  return (
    <Provider value={client}>
      <Frame
        key={generation}
        onSignOut={() => void signOut().then((wrong) => (wrong === null ? setSignedOut(true) : toast(wrong)))}
      />
    </Provider>
  );
}

function Frame({ onSignOut }: { onSignOut(): void }) {
  const client = useClient();
  const [{ data, error }, again] = useQuery({ query: shellQuery });
  const [location] = useLocation();
  useEffect(() => {
    const page = pages.find(([path]) => path.test(location));
    // Where it fails, the page itself says so.
    page?.[1].begin().catch(() => {});
    page?.[2]?.(client).catch(() => {});
  }, []);
  const shell = useMemo(() => (data ? toShell(data) : null), [data]);
  if (!shell) {
    return (
      <main className="lonely">
        {error ? (
          <Notice kind="error" title="The console cannot start">
            <p>{describeError(error)}</p>
            <button type="button" onClick={() => again({ requestPolicy: 'network-only' })}>Try again</button>
          </Notice>
        ) : (
          <Loading what="the console" />
        )}
      </main>
    );
  }
  return (
    <ShellContext value={shell}>
      <a className="skip" href="#content" onClick={focusContent}>Skip to the content</a>
      <div className="frame">
        <Navigation shell={shell} onSignOut={onSignOut} />
        <Content />
      </div>
      <Toasts />
    </ShellContext>
  );
}

function focusContent(event: { preventDefault(): void }) {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function Navigation({ shell, onSignOut }: { shell: Shell; onSignOut(): void }) {
  const [isOpen, setOpen] = useState(false);
  const [location] = useLocation();
  useEffect(() => setOpen(false), [location]);
  return (
    <header className="side" data-open={isOpen}>
      <div className="brand">
        <Link href="/" className="wordmark">
          <svg viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" rx="3.5" /><path d="M3.5 8.5l3 3 6-7" /></svg>
          Rollcall
        </Link>
        <button type="button" className="quiet menu-button" aria-expanded={isOpen} aria-controls="navigation" onClick={() => setOpen(!isOpen)}>
          <Icon name={isOpen ? 'close' : 'menu'} /> Menu
        </button>
      </div>
      <nav id="navigation" aria-label="Main">
        <PlaceList places={places} />
        <h2>Administration</h2>
        <PlaceList places={administration} />
        <div className="side-foot">
          {shell.isOpen ? (
            <p className="hint">This server has no API key and answers this machine only, so you need not sign in.</p>
          ) : (
            <>{shell.name && <p className="hint">Signed in as {shell.name}</p>}
            <button type="button" className="quiet" onClick={onSignOut}><Icon name="out" /> Sign out</button></>
          )}
        </div>
      </nav>
    </header>
  );
}

function PlaceList({ places }: { places: Place[] }) {
  const [location] = useLocation();
  return (
    <ul>
      {places.map(({ path, label, icon }) => {
        const isHere = path === '/' ? location === '/' : location === path || location.startsWith(`${path}/`);
        return (
          <li key={path}>
            <Link href={path} aria-current={isHere ? 'page' : undefined}><Icon name={icon} />{label}</Link>
          </li>
        );
      })}
    </ul>
  );
}

function Content() {
  const [location] = useLocation();
  const content = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  // A screen reader hears that the page changed, and Tab goes on from its top.
  useEffect(() => {
    if (!isFirst.current) {
      content.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [location]);
  return (
    <main id="content" tabIndex={-1} ref={content}>
      <ErrorBoundary key={location}>
        <Switch>
          <Route path="/" component={Overview} />
          <Route path="/segments" component={Segments} />
          <Route path="/segments/new"><EditSegment segmentKey={null} /></Route>
          <Route path="/segments/:key/edit">{({ key }) => <EditSegment key={key} segmentKey={decodeURIComponent(key)} />}</Route>
          <Route path="/segments/:key">{({ key }) => <SegmentPage key={key} segmentKey={decodeURIComponent(key)} />}</Route>
          <Route path="/people" component={People} />
          <Route path="/people/:id">{({ id }) => <Person key={id} id={decodeURIComponent(id)} />}</Route>
          <Route path="/groups" component={Groups} />
          <Route path="/groups/:key">{({ key }) => <GroupPage key={key} groupKey={decodeURIComponent(key)} />}</Route>
          <Route path="/imports" component={Imports} />
          <Route path="/imports/new" component={NewImport} />
          <Route path="/imports/:id">{({ id }) => <ImportPage key={id} id={decodeURIComponent(id)} />}</Route>
          <Route path="/fields" component={Fields} />
          <Route path="/refreshes" component={Refreshes} />
          <Route path="/keys" component={Keys} />
          <Route path="/audit" component={Audit} />
          <Route path="/webhooks" component={Webhooks} />
          <Route path="/settings" component={SettingsPage} />
          <Route>
            <Failed title="This page does not exist"><Link href="/">Go to the overview</Link></Failed>
          </Route>
        </Switch>
      </ErrorBoundary>
    </main>
  );
}
