// Loaded before a program (`node --require`): counts the calls of every WebAssembly kernel that the program starts,
// and prints them when it ends.
const calls = {};
const { Instance } = WebAssembly;

WebAssembly.Instance = class {
  constructor(module, imports) {
    const instance = new Instance(module, imports);
    this.exports = Object.fromEntries(
      Object.entries(instance.exports).map(([name, value]) => [name, counted(name, value)]),
    );
  }
};

function counted(name, value) {
  if (typeof value !== 'function') return value;
  calls[name] = 0;
  return (...args) => {
    calls[name]++;
    return value(...args);
  };
}

process.on('exit', () => console.log(JSON.stringify({ calls })));
