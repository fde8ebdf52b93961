import { useState } from 'react';
import { useQuery } from 'urql';
import { describeError } from '../api/errors';
import { graphql } from '../api/graphql';
import { GrowthChart } from '../ui/chart';
import { formatNumber, useMoments } from '../ui/format';
import { Loading } from '../ui/loading';
import { Notice } from '../ui/notice';
import { Empty } from '../ui/page';
import { useSpan } from './segments';

const growthQuery = graphql(`
  query SegmentGrowth($key: String!, $from: DateTime!, $to: DateTime!, $by: GrowthBy!) {
    segment(key: $key) {
      id
      growth(from: $from, to: $to, by: $by) { start memberCount joinedCount leftCount deletedCount }
    }
  }
`);

const spans = { DAY: 90, WEEK: 365, MONTH: 1095, REFRESH: 30 } as const;
const names = { DAY: 'day', WEEK: 'week', MONTH: 'month', REFRESH: 'refresh' } as const;

export function SegmentGrowth({ segmentKey }: { segmentKey: string }) {
  const [by, setBy] = useState<keyof typeof spans>('WEEK');
  const span = useSpan(spans[by]);
  const moments = useMoments();
  const [{ data, error }] = useQuery({ query: growthQuery, variables: { key: segmentKey, by, ...span } });
  const points = data?.segment?.growth;
  return (
    <>
      <fieldset className="filters segmented">
        <legend className="hidden">Growth by</legend>
        {(Object.keys(spans) as (keyof typeof spans)[]).map((each) => (
          <label key={each}><input type="radio" name="growth-by" checked={by === each} onChange={() => setBy(each)} />{`By ${names[each]}`}</label>
        ))}
      </fieldset>
      {error && <Notice kind="error" title="The growth could not be loaded"><p>{describeError(error)}</p></Notice>}
      {!points && !error && <Loading what="the growth" />}
      {points && points.length === 0 && <Empty>The segment was not refreshed in the last {spans[by]} days.</Empty>}
      {points && points.length > 0 && (
        <>
          <figure className="chart">
            <GrowthChart points={points} label={`Members by ${names[by]}: ${formatNumber(points[0]!.memberCount)} at first, ${formatNumber(points.at(-1)!.memberCount)} at last`} />
            <figcaption className="legend"><span><span className="swatch members" />members</span><span><span className="swatch joined" />joined</span><span><span className="swatch left" />left</span></figcaption>
          </figure>
          <details>
            <summary>The numbers as a table</summary>
            <div className="table-box" tabIndex={0} role="region" aria-label="Growth as a table">
              <table>
                <thead><tr><th>From</th><th className="number">Members</th><th className="number">Joined</th><th className="number">Left</th><th className="number">Deleted</th></tr></thead>
                <tbody>
                  {points.toReversed().map((point) => (
                    <tr key={point.start}>
                      <th scope="row">{by === 'REFRESH' ? moments.moment(point.start) : moments.day(point.start)}</th>
                      <td className="number" data-label="Members">{formatNumber(point.memberCount)}</td>
                      <td className="number" data-label="Joined">{formatNumber(point.joinedCount)}</td>
                      <td className="number" data-label="Left">{formatNumber(point.leftCount)}</td>
                      <td className="number" data-label="Deleted">{formatNumber(point.deletedCount)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </details>
        </>
      )}
    </>
  );
}
