"""Where each OPCO is found and how it departs from the norm: two path families, three kinds of token endpoint."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """One implementation of the norm: addresses, and the facts that differ from one to the next."""

    slug: str
    base: str
    token_url: str
    scope: str | None = None
    dpop: bool = False
    # AKTO, ATLAS and Mobilités are called with a capital F.
    path_factures: str = "factures"
    # OPCO EP says 400 for an unknown dossier.
    not_found_status: int = 404
    # CF sends the key with an accent; others without.
    mobilite_key: str = "mentionMobiliteInternationale"


# Hosts with /SorApiEchangeCFA before the version, and an IdentityServer.
SOR = ("akto", "atlas", "opcomobilites")
# Hosts with the version at the root: Okta with DPoP, Keycloak without a scope.
ROOT = ("afdas", "opcoep")
# Six OPCOs publish no address; these two stand for them, with the second spelling of the SOR path.
UNKNOWN = ("uniformation", "opco2i")


def endpoint(root: str, slug: str) -> Endpoint:
    """Returns an OPCO whose host is replaced by `root`, at the path family the norm gives it."""
    if slug == "afdas":
        return Endpoint(slug, root, f"{root}/oauth2/default/v1/token", dpop=True)
    if slug == "opcoep":
        realm = "auth/realms/interopco-partenaires/protocol/openid-connect/token"
        return Endpoint(slug, root, f"{root}/{realm}", not_found_status=400)
    path = "ApiEchangeCFA" if slug in UNKNOWN else "SorApiEchangeCFA"
    return Endpoint(
        slug,
        f"{root}/{path}",
        f"{root}/SorApiIdentityServer/connect/token",
        scope="api.read api.write",
        path_factures="Factures" if slug in SOR else "factures",
        mobilite_key="mentionMobilitéInternationale" if slug == "atlas" else "mentionMobiliteInternationale",
    )
