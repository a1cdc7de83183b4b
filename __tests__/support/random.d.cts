/** A random number generator with a seed: a function whose results are in [0, 1). */
export declare function seededRandom(seed: number): () => number;
