// Icons as strokes on a grid of 20. They are decoration: every button has a name of its own.
const paths = {
  overview: 'M3 3h6v6H3zM11 3h6v4h-6zM11 9h6v8h-6zM3 11h6v6H3z',
  segment: 'M10 2.5a7.5 7.5 0 1 0 7.5 7.5H10zM12.5 2.9a7.5 7.5 0 0 1 4.6 4.6h-4.6z',
  person: 'M10 9.5a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5zM3.5 17c.6-3.3 3.2-5 6.5-5s5.9 1.7 6.5 5',
  group: 'M7.5 9a2.75 2.75 0 1 0 0-5.5A2.75 2.75 0 0 0 7.5 9zM2.5 16.5c.4-2.9 2.3-4.5 5-4.5s4.600 1.600 5 4.500M13 4a2.6 2.600 0 0 1 0 5M14.500 12.200c1.700.600 2.700 2.100 3 4.300',
  import: 'M10 3v9M6.500 8.500 10 12l3.500-3.500M3.500 13.500v3h13v-3',
  field: 'M3 5h14M3 10h14M3 15h9',
  refresh: 'M16.500 10a6.500 6.500 0 1 1-2-4.700M16.500 2.500v4h-4',
  key: 'M13 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM10.200 9.800 3 17M5.500 14.500l2 2',
  webhook: 'M3 10h10M9.500 6l4 4-4 4M17 4v12',
  settings: 'M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4',
  audit: 'M5 2.500h10v15H5zM7.500 6.500h5M7.500 10h5M7.500 13.500h3',
  menu: 'M3 5h14M3 10h14M3 15h14',
  close: 'M5 5l10 10M15 5 5 15',
  out: 'M8 3H3.500v14H8M12 6.500 15.500 10 12 13.500M15.500 10H7.500',
  plus: 'M10 4v12M4 10h12',
  up: 'M10 16V4.500M5 9l5-5 5 5',
  down: 'M10 4v11.500M5 11l5 5 5-5',
  copy: 'M7 7h9v9H7zM13 7V4H4v9h3',
  bin: 'M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500 6.200 17h7.600l.7-11.500',
  more: 'M4.500 10h.01M10 10h.01M15.500 10h.01',
  undo: 'M7 4 3.500 7.500 7 11M3.500 7.500h8a4.500 4.500 0 0 1 0 9H8',
  redo: 'M13 4l3.500 3.500L13 11M16.500 7.500h-8a4.500 4.500 0 0 0 0 9H12',
  search: 'M9 3.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM13 13l4 4',
  yes: 'M4 10.500l4 4 8-9',
  no: 'M5 5l10 10M15 5 5 15',
  warning: 'M10 3 2.500 16.500h15zM10 8v4M10 14.300v.01',
  info: 'M10 2.500a7.500 7.500 0 1 0 0 15 7.500 7.500 0 0 0 0-15zM10 9v5M10 6v.01',
  edit: 'M4 16l.8-3.500L13 4.300l2.700 2.700-8.200 8.200zM11.500 5.800l2.700 2.700',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className={`icon ${name}-icon`} viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d={paths[name]} /></svg>
  );
}
