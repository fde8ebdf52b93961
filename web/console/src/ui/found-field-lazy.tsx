// The search for a group or a segment. The combobox is large and is loaded when it is shown.
import { lazy, Suspense, type ComponentProps } from 'react';
import type { FoundField as Field } from './found-field';

const Loaded = lazy(() => import('./found-field').then((module) => ({ default: module.FoundField })));

export function FoundField(props: ComponentProps<typeof Field>) {
  return <Suspense fallback={null}><Loaded {...props} /></Suspense>;
}
