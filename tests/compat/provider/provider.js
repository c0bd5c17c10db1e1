// A provider of identities: whoever gives an address and any password has that address. One that begins with
// "unverified" was never verified. Says its own address on standard output.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [, , client_id, client_secret] = process.argv;

const server = createServer().listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id, client_secret, redirect_uris: [`${issuer}/login/oidc/back`] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    cookies: { keys: [randomUUID()] },
    features: { devInteractions: { enabled: true } },
    pkce: { required: () => true },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: id, email_verified: !id.startsWith('unverified') }),
    }),
  });
  // The gateway takes a free port, and so does this.
  provider.Client.prototype.redirectUriAllowed = (uri) => new URL(uri).pathname === '/login/oidc/back';
  server.on('request', provider.callback());
  console.log(JSON.stringify({ address: issuer }));
});
