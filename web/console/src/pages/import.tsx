import { useState } from 'react';
import { useClient, useQuery, useSubscription } from 'urql';
import { Link, useLocation } from 'wouter';
import { describeError, describeUserErrors } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { useShell } from '../api/shell';
import { chosenFor, sendImport } from '../api/upload';
import { Badge, StateBadge, words } from '../ui/badge';
import { Loading } from '../ui/loading';
import { Moment } from '../ui/moment';
import { Notice } from '../ui/notice';
import { Failed, Page } from '../ui/page';
import { toast } from '../ui/toasts';
import { ImportMapping } from './import-mapping';
import { ImportProblems } from './import-problems';
import { ImportReport } from './import-report';

const importQuery = graphql(`
  query Import($id: ID!) {
    import(id: $id) {
      id number fileName kind state dryRun error progress createdAt startedAt finishedAt undoneAt undoUntil undoError canUndo uploadUrl
      problemsUrl refusedUrl
      columns { name suggestion }
      report {
        rows created updated unchanged skipped refused malformed invalidEmail mistyped unknown repeated droppedCells remarks
        roleAddresses suppressed consentRaised createdPeople addedToGroups folded
      }
      analysis {
        rows malformed recognised from
        columns { name target reason samples filledCount unreadCount unreadValues { value count } }
        firstRows
        questions { kind column message proposal { option column field type format status word character event others value from } }
        proposal { option column field type format status word character event others value from }
      }
    }
  }
`);

const progressSubscription = graphql(`
  subscription ImportProgress($id: ID!) { importProgress(id: $id) { id state progress report { rows created updated refused } } }
`);

const cancelMutation = graphql(`
  mutation CancelImport($input: ImportIdInput!) { cancelImport(input: $input) { import { id state } userErrors { path message hint code } } }
`);
const resumeMutation = graphql(`
  mutation ResumeImport($input: ImportIdInput!) { resumeImport(input: $input) { import { id state } userErrors { path message hint code } } }
`);
const undoMutation = graphql(`
  mutation UndoImport($input: ImportIdInput!) { undoImport(input: $input) { import { id state undoError } userErrors { path message hint code } } }
`);

export type ImportData = NonNullable<ResultOf<typeof importQuery>['import']>;
export type Analysis = NonNullable<ImportData['analysis']>;
export type Change = Analysis['proposal'][number];

export function ImportPage({ id }: { id: string }) {
  const [{ data, error }, again] = useQuery({ query: importQuery, variables: { id } });
  if (error && !data) return <Failed title="The import could not be loaded"><p>{describeError(error)}</p></Failed>;
  if (!data) return <Loading what="the import" />;
  if (!data.import) return <Failed title="This import does not exist"><Link href="/imports">All imports</Link></Failed>;
  return <Shown key={data.import.state} shown={data.import} again={() => again({ requestPolicy: 'network-only' })} />;
}

function Shown({ shown, again }: { shown: ImportData; again(): void }) {
  const { state, analysis, report } = shown;
  const isBusy = ['READY', 'RUNNING', 'UNDOING'].includes(state);
  const isOpen = analysis !== null && report.rows === 0 && (state === 'ANALYZED' || (state === 'FAILED' && analysis.questions.length > 0));
  return (
    <Page
      title={shown.fileName || `Import ${shown.number}`}
      parent={{ href: '/imports', label: 'Imports' }}
      badges={<>{isOpen ? <Badge tone="warn">Nothing written yet</Badge> : <StateBadge state={state} />}{shown.dryRun && <Badge>Check only</Badge>}</>}
      lead={<p>{words(shown.kind)}, <Moment at={shown.createdAt} /></p>}
      actions={<Actions shown={shown} isOpen={isOpen} again={again} />}
    >
      {shown.undoError && <Notice kind="error" title="It was not undone"><p>{shown.undoError}</p></Notice>}
      {state === 'FAILED' && !isOpen && shown.error && <Notice kind="error" title="The import stopped"><p>{shown.error}</p></Notice>}
      {state === 'WAITING' && <Notice kind="warning" title="The file has not come"><p><Link href="/imports/new">Choose it again</Link></p></Notice>}
      {isBusy && <Progress id={shown.id} state={state} first={shown.progress} onDone={again} />}
      {isOpen && <ImportMapping shown={shown} analysis={analysis} onStarted={again} />}
      {!isOpen && !isBusy && state !== 'WAITING' && (
        <>
          {shown.dryRun && state === 'SUCCEEDED' && <AfterCheck shown={shown} />}
          <ImportReport report={report} kind={shown.kind} isDryRun={shown.dryRun} />
          <ImportProblems shown={shown} />
        </>
      )}
    </Page>
  );
}

function Progress({ id, state, first, onDone }: { id: string; state: string; first: number; onDone(): void }) {
  const [{ data }] = useSubscription({ query: progressSubscription, variables: { id } }, (_, next) => {
    if (!['READY', 'RUNNING', 'UNDOING'].includes(next.importProgress.state)) setTimeout(onDone);
    return next;
  });
  const progress = data?.importProgress.progress ?? first;
  const rows = data?.importProgress.report.rows;
  return (
    <Notice kind="info" title={state === 'UNDOING' ? 'The import is being undone' : 'The import is running'}>
      <progress aria-label="Progress" value={progress} /> {rows ? <p>{rows} rows so far</p> : null}
      <button type="button" className="link" onClick={onDone}>Look again</button>
    </Notice>
  );
}

function Actions({ shown, isOpen, again }: { shown: ImportData; isOpen: boolean; again(): void }) {
  const client = useClient();
  const { canWrite } = useShell();
  const run = (mutation: typeof cancelMutation | typeof resumeMutation | typeof undoMutation, done: string) => async () => {
    const { data, error } = await client.mutation(mutation as typeof cancelMutation, { input: { id: shown.id } }).toPromise();
    const answer = data && Object.values(data).find((each) => typeof each === 'object' && each !== null);
    toast((error ? describeError(error) : describeUserErrors((answer as { userErrors: never[] } | undefined)?.userErrors)) ?? done);
    again();
  };
  if (!canWrite) return null;
  return (
    <>
      {['READY', 'RUNNING', 'ANALYZED'].includes(shown.state) && <button type="button" onClick={() => void run(cancelMutation, 'The import was stopped')()}>Cancel</button>}
      {['CANCELLED', 'FAILED'].includes(shown.state) && !isOpen && <button type="button" onClick={() => void run(resumeMutation, 'The import goes on')()}>Resume</button>}
      {shown.canUndo && !isOpen && <button type="button" className="danger" onClick={() => void run(undoMutation, 'The import is being undone')()}>Undo the import</button>}
    </>
  );
}

/** After a check: the same file, this time written. */
function AfterCheck({ shown }: { shown: ImportData }) {
  const client = useClient();
  const [, navigate] = useLocation();
  const [wrong, setWrong] = useState<string | null>(null);
  const chosen = chosenFor(shown.id);
  const start = async () => {
    const { dryRun: _, review: __, ...input } = chosen!.input;
    const sent = await sendImport(client, chosen!.file, input);
    if ('wrong' in sent) return setWrong(sent.wrong);
    navigate(`/imports/${encodeURIComponent(sent.id)}`);
  };
  return (
    <Notice kind="info" title="This was a check: nothing was written">
      {chosen ? <button type="button" className="primary" onClick={() => void start()}>Import it now</button> : <p><Link href="/imports/new">Choose the file again</Link> to import it.</p>}
      {wrong && <p className="problem">{wrong}</p>}
    </Notice>
  );
}
