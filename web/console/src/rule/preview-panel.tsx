// What the preview found: how many, who, and the difference to the stored segment.
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { describeError } from '../api/errors';
import { formatNumber, formatShare, people } from '../ui/format';
import { Notice } from '../ui/notice';
import { useShell } from '../api/shell';
import type { Preview } from './preview';

interface Named {
  id: string;
  email: string;
  firstName: string | null;
  lastName: string | null;
}

export function PreviewPanel({ preview, isStored }: { preview: Preview; isStored: boolean }) {
  const { answer, isOld, isCounting, isManual, error, countNow } = preview;
  const { audienceCount } = useShell();
  const total = answer?.audienceCount ?? audienceCount;
  const matching = answer?.memberCount ?? null;
  return (
    <aside className="preview" aria-label="Preview">
      <div className={`total ${isOld ? 'old' : ''}`}>
        <p className="big" data-testid="total" data-current={!isOld}>{matching === null ? '–' : formatNumber(matching)}</p>
        <p className="hint">
          of {people(total)}{answer?.share != null && <>, {formatShare(answer.share)}</>}
        </p>
        <svg className="bar wide" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
          <rect className="bar-all" width="100" height="6" />
          <rect className="bar-common" width={100 * (answer?.share ?? 0)} height="6" />
        </svg>
      </div>
      <p className="hidden" role="status">{!isOld && matching !== null ? `${people(matching)} match the rule` : ''}</p>
      {isManual && isOld && (
        <button type="button" className="primary" disabled={isCounting} onClick={countNow}>{isCounting ? 'Counting…' : 'Count'}</button>
      )}
      {isManual && <p className="hint">Counting took over two seconds, so it waits for this button.</p>}
      {error && (
        <Notice kind="error" title="The rule could not be counted">
          <p>{describeError(error)}</p>
          <button type="button" onClick={countNow}>Count again</button>
        </Notice>
      )}
      {answer?.summary && <p className="summary">{answer.summary}</p>}
      {isStored && answer?.difference && <Difference difference={answer.difference} />}
      {answer && answer.sample.length > 0 && (
        <section>
          <h2 className="minor">{answer.memberCount === answer.sample.length ? 'All of them' : 'Some of them'}</h2>
          <PeopleList people={answer.sample} />
        </section>
      )}
    </aside>
  );
}

/** The count beside the button that saves, where the panel lies below the rule: it stays at the bottom of the window. */
export function CountBar({ preview, children }: { preview: Preview; children: ReactNode }) {
  const { answer, isOld, isCounting, isManual, countNow } = preview;
  const matching = answer?.memberCount ?? null;
  return (
    <div className="count-bar" role="group" aria-label="Count and saving">
      <p className={isOld ? 'old' : ''}>
        <strong className="number">{matching === null ? '–' : formatNumber(matching)}</strong>
        {answer?.audienceCount != null && <span className="hint"> of {people(answer.audienceCount)}</span>}
      </p>
      {isManual && isOld && <button type="button" disabled={isCounting} onClick={countNow}>{isCounting ? 'Counting…' : 'Count'}</button>}
      {children}
    </div>
  );
}

function Difference({ difference }: { difference: { joiningCount: number; leavingCount: number; joining: Named[]; leaving: Named[] } }) {
  const { joiningCount, leavingCount, joining, leaving } = difference;
  if (joiningCount === 0 && leavingCount === 0) {
    return <section className="difference"><h2 className="minor">If you save this</h2><p className="hint">No person would join or leave.</p></section>;
  }
  return (
    <section className="difference">
      <h2 className="minor">If you save this</h2>
      <details className="joined" open={joiningCount > 0 && joiningCount <= 3}>
        <summary><strong>{formatNumber(joiningCount)}</strong> would join</summary>
        <PeopleList people={joining} total={joiningCount} />
      </details>
      <details className="left" open={leavingCount > 0 && leavingCount <= 3}>
        <summary><strong>{formatNumber(leavingCount)}</strong> would leave</summary>
        <PeopleList people={leaving} total={leavingCount} />
      </details>
    </section>
  );
}

export function PeopleList({ people: list, total }: { people: readonly Named[]; total?: number }) {
  return (
    <ul className="people-list">
      {list.map(({ id, email, firstName, lastName }) => (
        <li key={id}>
          <Link href={`/people/${encodeURIComponent(id)}`}>{email}</Link>
          {(firstName || lastName) && <small> {[firstName, lastName].filter(Boolean).join(' ')}</small>}
        </li>
      ))}
      {total !== undefined && total > list.length && <li className="hint">and {formatNumber(total - list.length)} more</li>}
    </ul>
  );
}
