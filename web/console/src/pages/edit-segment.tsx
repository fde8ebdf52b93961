// Making and changing a segment: its name, its rule with live counts, and saving.
import { useCallback, useEffect, useMemo, useRef, useState, type Ref } from 'react';
import { useClient, useQuery } from 'urql';
import { Link, useLocation } from 'wouter';
import { capital, describeError, describeUserErrors, type UserError } from '../api/errors';
import { graphql, type ResultOf } from '../api/graphql';
import { RuleEditor } from '../rule/editor';
import { dropDraft, readDraft, writeDraft } from '../rule/draft';
import { useRuleHistory } from '../rule/history';
import { usePreview } from '../rule/preview';
import { CountBar, PreviewPanel } from '../rule/preview-panel';
import { branch, fromRule, toRule } from '../rule/tree';
import { useVocabulary, type Vocabulary } from '../rule/vocabulary';
import { TagsField } from '../ui/combobox';
import { Dialog } from '../ui/dialog';
import { Difference } from '../ui/difference';
import { count } from '../ui/format';
import { Loading } from '../ui/loading';
import { Notice } from '../ui/notice';
import { Failed, Page } from '../ui/page';
import { toast } from '../ui/toasts';

const editedQuery = graphql(`
  query EditedSegment($key: String!) {
    segment(key: $key) { id key name description mode tags rule version summary archivedAt }
  }
`);

const createMutation = graphql(`
  mutation CreateSegment($input: CreateSegmentInput!) {
    createSegment(input: $input) { segment { id key } userErrors { path message hint code } }
  }
`);

const updateMutation = graphql(`
  mutation UpdateSegmentRule($input: UpdateSegmentInput!) {
    updateSegment(input: $input) { segment { id key version } userErrors { path message hint code } }
  }
`);

type Edited = NonNullable<ResultOf<typeof editedQuery>['segment']>;

export function EditSegment({ segmentKey }: { segmentKey: string | null }) {
  const { vocabulary, error: vocabularyError } = useVocabulary();
  const [{ data, error }] = useQuery({
    query: editedQuery, variables: { key: segmentKey ?? '' }, pause: segmentKey === null, requestPolicy: 'network-only',
  });
  const failed = error ?? vocabularyError;
  if (failed) return <Failed title="The editor could not be loaded"><p>{describeError(failed)}</p></Failed>;
  if (!vocabulary || (segmentKey !== null && !data)) return <Loading what="the editor" />;
  const segment = data?.segment ?? null;
  if (segmentKey !== null && segment === null) {
    return <Failed title={`No segment has the key “${segmentKey}”`}><Link href="/segments">All segments</Link></Failed>;
  }
  return <Editor key={segment?.id ?? 'new'} segment={segment} vocabulary={vocabulary} />;
}

interface Details {
  name: string;
  key: string;
  description: string;
  mode: 'DAILY' | 'INSTANT';
  tags: string[];
}

function Editor({ segment, vocabulary }: { segment: Edited | null; vocabulary: Vocabulary }) {
  const client = useClient();
  const [, navigate] = useLocation();
  const stored = useMemo(() => (segment ? fromRule(segment.rule) : branch('all', [])), [segment]);
  const [draft, setDraft] = useState(() => readDraft(segment?.key ?? null));
  const [baseVersion, setBaseVersion] = useState(draft?.version ?? segment?.version ?? null);
  const [details, setDetails] = useState<Details>(() => ({ ...toDetails(segment), ...draft }));
  // What the server refused, and whether saving was tried: then the page shows what is missing, until nothing is.
  const [problem, setProblem] = useState<string | null>(null);
  const [hasTried, setTried] = useState(false);
  const [shown, show] = useState<{ id: number } | null>(null);
  const [theirs, setTheirs] = useState<Edited | null>(null);
  const [isSaving, setSaving] = useState(false);
  const history = useRuleHistory(() => (draft ? fromRule(draft.rule) : stored));
  const preview = usePreview(history.root, segment?.key ?? null);
  const nameField = useRef<HTMLInputElement>(null);
  const isNew = segment === null;
  const isChanged = useIsChanged(history.root, details, segment);

  useEffect(() => {
    const place = segment?.key ?? null;
    if (isChanged) writeDraft(place, { ...details, rule: toRule(history.root), version: baseVersion, savedAt: Date.now() });
    else dropDraft(place);
  }, [history.root, details, isChanged, segment, baseVersion]);

  // The problems of an older rule say nothing; the server finds those of this one.
  const missing = whatIsMissing(details, isNew, preview.incomplete.length, preview.isOld ? 0 : preview.problems.length);
  const wrong = (hasTried ? missing : null) ?? problem;
  useEffect(() => setProblem(null), [history.root, details]);

  const discard = useCallback(() => {
    history.reset(stored);
    setDetails(toDetails(segment));
    setBaseVersion(segment?.version ?? null);
    setDraft(null);
    setTried(false);
  }, [history, stored, segment]);

  const save = async (ifVersion: number | null) => {
    setTried(true);
    setProblem(null);
    if (missing !== null) {
      const [first] = preview.incomplete;
      if (details.name.trim() === '') nameField.current?.focus();
      else if (first !== undefined) show({ id: first });
      return;
    }
    setSaving(true);
    const common = { name: details.name.trim(), description: details.description.trim() || null, mode: details.mode, tags: details.tags, ruleJson: toRule(history.root) };
    const answer = isNew
      ? await client.mutation(createMutation, { input: { ...common, key: details.key } }).toPromise()
      : await client.mutation(updateMutation, { input: { ...common, id: segment.id, ifVersion } }).toPromise();
    setSaving(false);
    if (answer.error) return setProblem(describeError(answer.error));
    const data = answer.data as ResultOf<typeof createMutation> & ResultOf<typeof updateMutation>;
    const { segment: saved, userErrors } = data.createSegment ?? data.updateSegment;
    if (userErrors.some((each: UserError) => each.code === 'CONFLICT')) return void showConflict();
    if (!saved) return setProblem(describeUserErrors(userErrors));
    dropDraft(segment?.key ?? null);
    toast(isNew ? `The segment “${common.name}” was made` : 'The segment was saved');
    navigate(`/segments/${saved.key}`);
  };

  const showConflict = async () => {
    const { data } = await client.query(editedQuery, { key: segment!.key }, { requestPolicy: 'network-only' }).toPromise();
    if (data?.segment) setTheirs(data.segment);
  };

  const saveButton = (
    <button type="button" className="primary" disabled={isSaving || (!isNew && !isChanged)} onClick={() => void save(baseVersion)}>{isSaving ? 'Saving…' : 'Save'}</button>
  );
  return (
    <Page
      title={isNew ? 'New segment' : `Edit ${segment.name}`}
      parent={isNew ? { href: '/segments', label: 'Segments' } : { href: `/segments/${segment.key}`, label: segment.name }}
      actions={
        <>
          {isChanged && <button type="button" className="quiet" onClick={discard}>Discard changes</button>}
          <span className="wide-only">{saveButton}</span>
        </>
      }
    >
      {draft && isChanged && (
        <Notice kind="info" title="Your draft was restored">
          <p>You changed this without saving. <button type="button" className="link" onClick={discard}>Discard the draft</button></p>
        </Notice>
      )}
      {wrong && <Notice kind="error" title="This was not saved"><p className="lines">{wrong}</p></Notice>}
      <div className="workbench">
        <div className="workbench-main">
          <DetailFields details={details} isNew={isNew} nameField={nameField} onChange={setDetails} />
          <RuleEditor history={history} preview={preview} vocabulary={vocabulary} shown={shown} />
        </div>
        <PreviewPanel preview={preview} isStored={!isNew} />
      </div>
      <CountBar preview={preview}>{saveButton}</CountBar>
      {theirs && (
        <ConflictDialog
          theirs={theirs}
          mine={preview.answer?.summary ?? 'Your rule, which has problems'}
          onClose={() => setTheirs(null)}
          onKeepMine={() => {
            setBaseVersion(theirs.version);
            setTheirs(null);
            void save(theirs.version);
          }}
          onTakeTheirs={() => {
            history.reset(fromRule(theirs.rule));
            setDetails(toDetails(theirs));
            setBaseVersion(theirs.version);
            setTheirs(null);
          }}
        />
      )}
    </Page>
  );
}

function toDetails(segment: Edited | null): Details {
  return { name: segment?.name ?? '', key: segment?.key ?? '', description: segment?.description ?? '', mode: segment?.mode ?? 'DAILY', tags: segment?.tags ?? [] };
}

function useIsChanged(root: Parameters<typeof toRule>[0], details: Details, segment: Edited | null): boolean {
  return useMemo(() => {
    const before = toDetails(segment);
    const isSame = (['name', 'key', 'description', 'mode'] as const).every((key) => details[key] === before[key]) && details.tags.join('\n') === before.tags.join('\n');
    const rule = JSON.stringify(toRule(root));
    return !isSame || rule !== (segment ? JSON.stringify(toRule(fromRule(segment.rule))) : '{"everyone":true}');
  }, [root, details, segment]);
}

function whatIsMissing(details: Details, isNew: boolean, incomplete: number, problems: number): string | null {
  const missing = [];
  if (details.name.trim() === '') missing.push('Give the segment a name.');
  else if (isNew && details.key === '') missing.push('Give the segment a key.');
  if (incomplete > 0) missing.push(`${capital(count(incomplete, 'condition has', 'conditions have'))} no value yet.`);
  if (problems > 0) missing.push('Mend the problems of the rule.');
  return missing.length > 0 ? missing.join('\n') : null;
}

/** Returns a key made of a name: `Lapsed buyers` as `lapsed-buyers`. */
export function toKey(name: string): string {
  return name.normalize('NFKD').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 60);
}

function DetailFields({ details, isNew, nameField, onChange }: { details: Details; isNew: boolean; nameField: Ref<HTMLInputElement>; onChange(details: Details): void }) {
  const set = (changed: Partial<Details>) => onChange({ ...details, ...changed });
  const rename = (name: string) => {
    const follows = isNew && details.key === toKey(details.name);
    set(follows ? { name, key: toKey(name) } : { name });
  };
  return (
    <div className="details">
      <label className="field grow">
        Name
        <input ref={nameField} value={details.name} required placeholder="Bought twice, not lately" onChange={(event) => rename(event.target.value)} />
      </label>
      <details className="more-details">
        <summary>Key, description, tags and mode</summary>
        <div className="form">
          <label className="field">
            Key
            <input className="code" value={details.key} readOnly={!isNew} aria-describedby="key-hint" onChange={(event) => set({ key: event.target.value })} />
            <small id="key-hint" className="hint">{isNew ? 'The name for programs. It cannot be changed later.' : 'The name for programs. It cannot be changed.'}</small>
          </label>
          <label className="field">
            Description
            <textarea rows={2} value={details.description} onChange={(event) => set({ description: event.target.value })} />
          </label>
          <div className="field">
            Tags
            <TagsField label="Tags" values={details.tags} suggestions={[]} placeholder="Add a tag" onChange={(tags) => set({ tags })} />
          </div>
          <label className="field">
            Mode
            <select value={details.mode} onChange={(event) => set({ mode: event.target.value === 'INSTANT' ? 'INSTANT' : 'DAILY' })}>
              <option value="DAILY">Daily: people join and leave at the refresh</option>
              <option value="INSTANT">Instant: people join and leave right after each change</option>
            </select>
          </label>
        </div>
      </details>
    </div>
  );
}

interface ConflictProps {
  theirs: Edited;
  mine: string;
  onClose(): void;
  onKeepMine(): void;
  onTakeTheirs(): void;
}

function ConflictDialog({ theirs, mine, onClose, onKeepMine, onTakeTheirs }: ConflictProps) {
  const stored = theirs.summary ?? 'A rule with problems';
  return (
    <Dialog title="This segment was changed meanwhile" onClose={onClose} wide>
      <p>Another person saved it after you began. Nothing of yours is lost: choose which rule the segment should have.</p>
      <div className="versus">
        <section><h3>Stored now: version {theirs.version}</h3><Difference before={stored} after={mine} only="before" /></section>
        <section><h3>Yours</h3><Difference before={stored} after={mine} only="after" /></section>
      </div>
      <div className="actions end">
        <button type="button" onClick={onClose}>Go on editing</button>
        <button type="button" onClick={onTakeTheirs}>Take the stored one</button>
        <button type="button" className="primary" onClick={onKeepMine}>Save mine over it</button>
      </div>
    </Dialog>
  );
}
