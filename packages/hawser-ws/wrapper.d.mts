// The types of wrapper.mjs.
export * from 'hawser/ws';
export { default } from 'hawser/ws';
