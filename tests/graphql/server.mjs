// A shop with an Admin API like Shopify's, for the tests: graphql-yoga executes the queries, and what they cost is taken from a
// bucket that fills again. PORT is where it listens; the program ends with its standard input.
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.env.MODULES + '/');
const yoga = await import(pathToFileURL(require.resolve('graphql-yoga')).href);
const { GraphQLError } = await import(pathToFileURL(require.resolve('graphql')).href);

const maximum = 120;
const restoreRate = 100;
const bucket = { available: maximum, at: Date.now() };
const seen = { requests: [], throttled: 0 };
// What the next answers are to have wrong with them.
const next = { deny: false };

const products = Array.from({ length: 7 }, (_, at) => ({
  id: `gid://shopify/Product/${at + 1}`,
  title: `Product ${at + 1}`,
  handle: `product-${at + 1}`,
  createdAt: '2024-01-01T00:00:00Z',
  tags: ['new'],
  updatedAt: `2024-01-0${at + 1}T00:00:00Z`,
  variants: [{ id: `v${at + 1}a`, sku: `SKU-${at + 1}-a` }, { id: `v${at + 1}b`, sku: `SKU-${at + 1}-b` }],
}));

function connection(all, { first, after }) {
  const from = after ? all.findIndex((one) => `after ${one.id}` === after) + 1 : 0;
  const nodes = all.slice(from, from + first);
  const edges = nodes.map((node) => ({ cursor: `after ${node.id}`, node }));
  const endCursor = edges.at(-1)?.cursor ?? null;
  return { nodes, edges, pageInfo: { hasNextPage: from + first < all.length, endCursor } };
}

// The one search that is understood: updated_at:>='INSTANT'.
function found(search) {
  if (!search) return products;
  const since = /^updated_at:>='(.+)'$/.exec(search)?.[1];
  if (!since) throw new GraphQLError(`cannot search for ${search}`, { extensions: { code: 'BAD_SEARCH' } });
  return products.filter((product) => Date.parse(product.updatedAt) >= Date.parse(since));
}

const schema = yoga.createSchema({
  typeDefs: `
    scalar DateTime
    enum SortKey { ID UPDATED_AT }
    type PageInfo { hasNextPage: Boolean! endCursor: String }
    type Variant { id: ID! sku: String! }
    type VariantEdge { cursor: String! node: Variant! }
    type VariantConnection { nodes: [Variant!]! edges: [VariantEdge!]! pageInfo: PageInfo! }
    type Product {
      id: ID! title: String handle: String status: String vendor: String productType: String tags: [String!]
      descriptionHtml: String totalInventory: Int createdAt: DateTime! updatedAt: DateTime! publishedAt: DateTime
      variants(first: Int!, after: String): VariantConnection!
    }
    type ProductEdge { cursor: String! node: Product! }
    type ProductConnection { nodes: [Product!]! edges: [ProductEdge!]! pageInfo: PageInfo! }
    type Query {
      products(first: Int!, after: String, query: String, sortKey: SortKey): ProductConnection!
      product(id: ID!): Product
    }
  `,
  resolvers: {
    Query: {
      products: (_, { query, ...page }) => connection(found(query), page),
      product: (_, { id }) => products.find((product) => product.id === id),
    },
    Product: {
      title: ({ title, id }) => {
        if (next.deny && id.endsWith('/2')) throw new GraphQLError('Access denied for title', { extensions: { code: 'ACCESS_DENIED' } });
        return title;
      },
      variants: ({ variants }, page) => connection(variants, page),
    },
  },
});

// Takes what a query costs from the bucket, or refuses it, and says with each answer how the bucket stands.
const costs = {
  onExecute({ args, setResultAndStopExecution }) {
    const requested = 2 + (args.variableValues?.first ?? 0);
    // Once it was emptied it fills from the next request on, however long that takes to come.
    const passed = (Date.now() - (bucket.at ?? Date.now())) / 1000;
    bucket.available = Math.min(maximum, bucket.available + passed * restoreRate);
    bucket.at = Date.now();
    const status = () => ({
      cost: {
        requestedQueryCost: requested,
        throttleStatus: { maximumAvailable: maximum, currentlyAvailable: Math.floor(bucket.available), restoreRate },
      },
    });
    if (requested > bucket.available) {
      seen.throttled += 1;
      const errors = [new GraphQLError('Throttled', { extensions: { code: 'THROTTLED' } })];
      setResultAndStopExecution({ errors, extensions: status() });
      return undefined;
    }
    bucket.available -= requested;
    return { onExecuteDone: ({ result, setResult }) => setResult({ ...result, extensions: status() }) };
  },
};

const served = yoga.createYoga({ schema, graphqlEndpoint: '*', plugins: [costs], logging: false, landingPage: false });

function body(request) {
  return new Promise((resolve) => {
    let text = '';
    request.on('data', (part) => { text += part; }).on('end', () => resolve(text));
  });
}

// What a test changes, and what it asks about.
async function control(request, response) {
  const { deny, empty, update } = JSON.parse(await body(request) || '{}');
  if (deny !== undefined) next.deny = deny;
  if (empty) Object.assign(bucket, { available: 0, at: null });
  if (update) Object.assign(products.find((product) => product.id.endsWith(`/${update.number}`)), update.fields);
  const { requests, throttled } = seen;
  seen.requests = [];
  response.end(JSON.stringify({ requests, throttled }));
}

http.createServer(async (request, response) => {
  if (request.url === '/control') return control(request, response);
  if (!/^\/(graphql|admin\/api\/[0-9-]+\/graphql\.json)$/.test(request.url)) return response.writeHead(404).end('{}');
  if (request.headers['x-shopify-access-token'] !== process.env.TOKEN) return response.writeHead(401).end('{}');
  const text = await body(request);
  seen.requests.push(JSON.parse(text));
  const answer = await served.fetch(`http://127.0.0.1${request.url}`, { method: request.method, headers: request.headers, body: text });
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => process.exit(0)).resume();
