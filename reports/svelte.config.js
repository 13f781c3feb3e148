// One page shell for every path: the pages hold no data, so one build serves every party's site.
import adapter from '@sveltejs/adapter-static';

export default { kit: { adapter: adapter({ fallback: 'index.html', strict: false }) } };
