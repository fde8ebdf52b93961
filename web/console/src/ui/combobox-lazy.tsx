// The field for tags on pages that rarely need it: the combobox is large and is loaded when it is shown.
import { lazy, Suspense, type ComponentProps } from 'react';
import type { TagsField as Field } from './combobox';

const Loaded = lazy(() => import('./combobox').then((module) => ({ default: module.TagsField })));

export function TagsField(props: ComponentProps<typeof Field>) {
  return <Suspense fallback={null}><Loaded {...props} /></Suspense>;
}
