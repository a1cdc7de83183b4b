// `node bundle.mjs BUNDLER ENTRY OUT FORMAT`: bundles ENTRY with everything it imports into the file OUT.
import { basename, dirname, resolve } from 'node:path';
import process from 'node:process';

const [bundler, entry, out, format] = process.argv.slice(2).map(String);
const esm = format !== 'cjs';

/** @type {Record<string, () => Promise<unknown>>} */
const bundlers = {
  async esbuild() {
    const { build } = await import('esbuild');
    const options = { bundle: true, platform: 'node', outfile: out, logLevel: 'warning' };
    await build({
      ...options,
      entryPoints: [entry],
      format: esm ? 'esm' : 'cjs',
      minify: format === 'minified',
    });
  },

  async rollup() {
    const { rollup } = await import('rollup');
    const { default: commonjs } = await import('@rollup/plugin-commonjs');
    const { default: nodeResolve } = await import('@rollup/plugin-node-resolve');
    const plugins = [nodeResolve({ preferBuiltins: true }), commonjs()];
    const onwarn = (warning) => {
      throw new Error(warning.message);
    };
    const bundle = await rollup({ input: entry, external: /^node:/, plugins, onwarn });
    await bundle.write({ file: out, format: esm ? 'es' : 'cjs' });
    await bundle.close();
  },

  async vite() {
    const { build } = await import('vite');
    await build({
      root: dirname(entry),
      configFile: false,
      logLevel: 'warn',
      ssr: { noExternal: true, target: 'node' },
      build: {
        ssr: entry,
        outDir: dirname(out),
        emptyOutDir: false,
        rollupOptions: { output: { entryFileNames: basename(out) } },
      },
    });
  },

  async webpack() {
    const { default: webpack } = await import('webpack');
    const compiler = webpack({
      mode: 'production',
      target: 'node20',
      entry,
      context: dirname(entry),
      experiments: esm ? { outputModule: true } : {},
      output: {
        path: dirname(out),
        filename: basename(out),
        library: { type: esm ? 'module' : 'commonjs2' },
      },
    });
    const stats = await new Promise((done, fail) => {
      compiler.run((error, result) => (error ? fail(error) : done(result)));
    });
    if (stats.hasErrors() || stats.hasWarnings()) {
      throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
    }
  },
};

await bundlers[bundler]();
console.log(resolve(out));
