// An OpenID provider with a service behind it, for the tests: tokens of three seconds, refresh tokens that count once,
// and a person who agrees to everything, or with ASKS is shown a page. Who signs in at the console is asked who they are:
// ann is one of ops, bob of nothing that has a role. PORT is where it listens; the program ends with its standard input.
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.env.MODULES + '/');
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const NAMES = { ann: 'Ann Example', bob: 'Bob Example' };
const base = `http://127.0.0.1:${process.env.PORT}`;
const provider = new Provider(base, {
  clients: [{
    client_id: 'raccord',
    client_secret: process.env.CLIENT_SECRET,
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code'],
    redirect_uris: ['http://127.0.0.1/callback', 'http://127.0.0.1/authorizations/callback'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post',
  }, {
    client_id: 'console',
    client_secret: process.env.CLIENT_SECRET,
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/sign-in/openid/callback'],
    response_types: ['code'],
  }],
  claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
  cookies: { keys: ['for tests alone'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, preferred_username: NAMES[id], groups: id === 'ann' ? ['staff', 'ops'] : ['staff'] }),
  }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: { AccessToken: 3, ClientCredentials: 3, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600, DeviceCode: 600 },
});
const count = { issued: 0, revoked: 0, refused: 0 };
provider.on('grant.success', () => { count.issued += 1; });
provider.on('grant.revoked', () => { count.revoked += 1; });

async function body(request) {
  let text = '';
  for await (const part of request) text += part;
  return new URLSearchParams(text);
}

// Who signs in at the console says who they are, or does not.
async function sayWho(request, response) {
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    const buttons = Object.entries(NAMES).map(([id, name]) => `<button name="person" value="${id}">${name}</button>`);
    return response.end(`<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Provider</title>
      <form method="post">${buttons.join('')}<button name="person" value="">Cancel</button></form>`);
  }
  const accountId = (await body(request)).get('person');
  const result = accountId ? { login: { accountId } } : { error: 'access_denied', error_description: 'the sign-in was cancelled' };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function agree(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  const isConsole = params.client_id === 'console';
  if (prompt.name === 'login' && isConsole) return sayWho(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'ann' } }, { mergeWithLastSubmission: false });
  }
  if (process.env.ASKS && !isConsole && request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    return response.end(`<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Provider</title>
      <form method="post"><button name="answer" value="yes">Agree</button><button name="answer" value="no">Refuse</button></form>`);
  }
  if (process.env.ASKS && !isConsole && (await body(request)).get('answer') !== 'yes') {
    const refusal = { error: 'access_denied', error_description: 'Ann said no' };
    return provider.interactionFinished(request, response, refusal, { mergeWithLastSubmission: false });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const grantId = await grant.save();
  return provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

// Follows a page as a browser would, cookies and all; returns what the last one says.
async function browse(url, form) {
  const cookies = new Map();
  for (let step = 0; step < 20; step += 1) {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const answer = await fetch(url, form
      ? { method: 'POST', body: new URLSearchParams(form), headers, redirect: 'manual' }
      : { headers, redirect: 'manual' });
    form = undefined;
    for (const cookie of answer.headers.getSetCookie()) {
      const [name, value] = cookie.split(';')[0].split(/=(.*)/s);
      if (value) cookies.set(name, value); else cookies.delete(name);
    }
    const text = await answer.text();
    const next = answer.headers.get('location');
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(text)?.[1];
    if (next) {
      url = new URL(next, url).href;
    } else if (xsrf) {
      const code = new URL(url).searchParams.get('user_code') ?? /name="user_code"[^>]*value="([^"]+)"/.exec(text)?.[1];
      form = { xsrf, user_code: code, confirm: 'yes' };
    } else {
      return `${answer.status} ${text}`;
    }
  }
  return 'too many pages';
}

async function people(request, response) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const known = token && (await provider.AccessToken.find(token) ?? await provider.ClientCredentials.find(token));
  if (!known) {
    count.refused += 1;
    response.writeHead(401).end('{}');
    return;
  }
  const data = Array.from({ length: 10 }, (_, at) => ({ id: String(at), name: 'Ann' }));
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
}

const callback = provider.callback();
http.createServer(async (request, response) => {
  const url = new URL(request.url, base);
  try {
    if (url.pathname === '/people') await people(request, response);
    else if (url.pathname.startsWith('/interaction/')) await agree(request, response);
    else if (url.pathname === '/browse') response.end(await browse(url.searchParams.get('url')));
    else if (url.pathname === '/count') response.end(JSON.stringify(count));
    else await callback(request, response);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
process.stdin.on('end', () => process.exit(0)).resume();
