"""The Helm chart: rendered by helm itself, valid for Kubernetes, and of the settings that exist."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dashboards import GENERATED
from dashboards.prometheus.alerts import every
from hub.serve import GRACE_S
from hub.settings import Settings, variables
from tests.support.helm import CHART, helm, one, rendered

SETS = sorted((CHART / "ci").glob("*.yaml"))
NAMES = [path.stem for path in SETS]

#: What others define: held to their definitions by tests/real/test_chart_for_operators.py.
THEIRS = {"ServiceMonitor", "PrometheusRule", "ExternalSecret", "HTTPRoute"}


@pytest.fixture(scope="module")
def sets() -> dict[str, list[dict[str, Any]]]:
    return {path.stem: rendered("--values", str(path)) for path in SETS}


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]
    return spec["template"]["spec"] if "template" in spec else spec


def environment(workload: dict[str, Any], secrets: dict[str, str]) -> dict[str, str]:
    """As the container gets it; `$(NAME)` is replaced as the kubelet does."""
    given: dict[str, str] = {}
    for each in pod_of(workload)["containers"][0]["env"]:
        if "value" in each:
            value = each["value"]
            for name, known in given.items():
                value = value.replace(f"$({name})", known)
        else:
            value = secrets[each["valueFrom"]["secretKeyRef"]["key"]]
        given[each["name"]] = value
    return given


@pytest.mark.parametrize("name", NAMES)
def test_what_is_rendered_is_valid_for_kubernetes(
    name: str, sets: dict[str, list[dict[str, Any]]]
) -> None:
    checked = [each for each in sets[name] if each["kind"] not in THEIRS]
    for each in checked:
        kubernetes_validate.validate(each, "1.37", strict=True)
        kubernetes_validate.validate(each, "1.27", strict=True)
    named = [(each["kind"], each["metadata"]["name"]) for each in sets[name]]
    assert len(named) == len(set(named))
    assert all(len(each) <= 63 for _, each in named)
    assert "Deployment" in {each["kind"] for each in checked}


@pytest.mark.parametrize("name", NAMES)
def test_helm_has_nothing_to_say_against_it(name: str) -> None:
    done = helm("lint", "--strict", str(CHART), "--values", str(CHART / "ci" / f"{name}.yaml"))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_the_hub_accepts_the_settings_and_the_environment(
    name: str, sets: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    file = tmp_path / "trackside.yaml"
    file.write_text(one(sets[name], "ConfigMap", main(sets[name]))["data"]["trackside.yaml"])
    url = "postgresql://trackside:pass@database:5432/trackside"
    hub = one(sets[name], "Deployment")
    secrets = {"url": url, "uri": url, "password": "pass", "token": "t", "SLACK_TOKEN": "t"}
    given = environment(hub, secrets)
    ours = {variable for variable in given if variable.startswith("TRACKSIDE_")}
    assert ours <= variables().keys()
    settings = Settings.load(file, environment=given)
    assert (settings.port, settings.is_loopback, settings.log_format) == (8080, False, "json")
    assert settings.database_url.startswith("postgresql://trackside:pass@")
    assert settings.warnings == ()


def main(objects: list[dict[str, Any]]) -> str:
    return str(one(objects, "Deployment")["metadata"]["name"])


@pytest.mark.parametrize("name", NAMES)
def test_no_container_is_root_writes_its_image_or_holds_a_token_of_the_cluster(
    name: str, sets: dict[str, list[dict[str, Any]]]
) -> None:
    pods = [
        pod_of(w) for w in sets[name] if w["kind"] in {"Deployment", "StatefulSet", "Job", "Pod"}
    ]
    assert len(pods) >= 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", NAMES)
def test_a_stop_leaves_time_for_open_requests_and_the_last_commits(
    name: str, sets: dict[str, list[dict[str, Any]]]
) -> None:
    pod = pod_of(one(sets[name], "Deployment"))
    pause = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1]
    seconds = int(pause.removeprefix("import time; time.sleep(").removesuffix(")"))
    assert pod["terminationGracePeriodSeconds"] > seconds + GRACE_S + 10


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["replicas=none"], "replicas"),
        (["replica=3"], "replica"),
        (["logLevel=loud"], "logLevel"),
        (["config.port=9000"], "port"),
        (["ingress.enabled=true"], "host"),
        (["gateway.enabled=true,gateway.host=a.example.com"], "name"),
        (["antiAffinity=harder"], "antiAffinity"),
        (["terminationGracePeriodSeconds=20"], "terminationGracePeriodSeconds"),
        (["preStopSeconds=15,terminationGracePeriodSeconds=40"], "30 s above"),
        (["env[0].name=TRACKSIDE_DATABASE_URL,env[0].value=x"], "env"),
        (["database.existingSecret="], "name one database"),
        (["database.bundled.enabled=true"], "name one database"),
        (["database.bundled.password=a@b"], "password"),
        (["externalSecret.enabled=true"], "store"),
        (["user=me"], "user"),
        (["prometheusRule.disabled={Gone}"], "disabled"),
        (["volumeMounts[0].name=x"], "mountPath"),
        (["autoscaling.enabled=true,autoscaling.maxReplicas=1"], "maxReplicas"),
    ],
)
def test_wrong_values_are_refused_by_name(given: list[str], told: str) -> None:
    sets = [part for each in ["database.existingSecret=db", *given] for part in ("--set", each)]
    done = helm("template", "railway", str(CHART), *sets)
    assert done.returncode != 0
    assert told in done.stderr


def test_rules_and_dashboards_are_those_of_the_product(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    objects = sets["monitored"]
    for name in ("alerts", "recording"):
        rule = one(objects, "PrometheusRule", f"railway-trackside-{name}")
        assert rule["spec"] == yaml.safe_load((GENERATED / f"{name}.yaml").read_text())
    boards = [each for each in objects if "grafana_dashboard" in each["metadata"]["labels"]]
    shown = {name: json.loads(text) for each in boards for name, text in each["data"].items()}
    assert shown == {path.name: json.loads(path.read_text()) for path in GENERATED.glob("*.json")}
    assert {each["metadata"]["annotations"]["grafana_folder"] for each in boards} == {"Data"}


def test_alerts_lead_to_the_runbooks_that_are_named_and_may_be_left_out() -> None:
    books = "https://wiki.example.com/runbooks"
    rules = "prometheusRule.enabled=true"
    given = f"{rules},prometheusRule.runbooks={books}/,prometheusRule.disabled={{TracksideGone}}"
    objects = rendered("--set", f"database.existingSecret=db,{given}")
    groups = one(objects, "PrometheusRule", "railway-trackside-alerts")["spec"]["groups"]
    told = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    assert told.keys() == {alert.name for alert in every()} - {"TracksideGone"}
    for name, rule in told.items():
        assert rule["annotations"]["runbook_url"] == f"{books}/{name}.md"


def test_dashboards_may_lie_where_grafana_is(sets: dict[str, list[dict[str, Any]]]) -> None:
    boards = [
        each
        for each in rendered(
            "--values",
            str(CHART / "ci" / "monitored.yaml"),
            "--set",
            "dashboards.namespace=grafana",
        )
        if "grafana_dashboard" in each["metadata"]["labels"]
    ]
    assert {each["metadata"]["namespace"] for each in boards} == {"grafana"}
    own = [each for each in sets["monitored"] if "grafana_dashboard" in each["metadata"]["labels"]]
    assert {each["metadata"].get("namespace") for each in own} == {None}


def test_prometheus_finds_each_replica_and_no_other_pod(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    objects = sets["monitored"]
    monitor, service = one(objects, "ServiceMonitor"), one(objects, "Service")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {
        "port": "http",
        "path": "/metrics",
        "interval": "15s",
        "authorization": {"credentials": {"name": "trackside-metrics", "key": "token"}},
        "relabelings": [{"targetLabel": "cluster", "replacement": "europe"}],
        "metricRelabelings": [
            {"sourceLabels": ["__name__"], "regex": "python_.*", "action": "drop"}
        ],
    }
    selector = service["spec"]["selector"]
    hub = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    job = one(objects, "Job")["spec"]["template"]["metadata"]["labels"]
    assert selector.items() <= hub.items()
    assert not selector.items() <= job.items()


def test_the_external_secret_makes_what_the_hub_reads(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    objects = sets["external-secret"]
    spec = one(objects, "ExternalSecret")["spec"]
    made = {(spec["target"]["name"], each["secretKey"]) for each in spec["data"]}
    asked = [
        each["valueFrom"]["secretKeyRef"]
        for each in pod_of(one(objects, "Deployment"))["containers"][0]["env"]
        if "valueFrom" in each
    ]
    assert {(each["name"], each["key"]) for each in asked} == made
    assert spec["data"][0]["remoteRef"] == {"key": "data/trackside", "property": "database_url"}
    assert spec["secretStoreRef"] == {"name": "vault", "kind": "ClusterSecretStore"}


def test_what_runs_once_runs_where_the_hub_may_run_and_trusts_what_it_trusts(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    objects = sets["production"]
    hub, migration = pod_of(one(objects, "Deployment")), pod_of(one(objects, "Job"))
    for pod in (migration, pod_of(one(objects, "Pod"))):
        for name in ("nodeSelector", "tolerations", "priorityClassName", "imagePullSecrets"):
            assert pod[name] == hub[name], name
    given = {"slack": "/run/secrets/slack", "vault": "/run/vault", "company": "/etc/company"}
    for pod in (hub, migration):
        mounted = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
        assert {mounted.get(f"secret-{n}", mounted.get(n)) for n in given} == set(given.values())
        assert mounted.keys() == {volume["name"] for volume in pod["volumes"]}


def test_pods_are_spread_by_those_of_the_hub(sets: dict[str, list[dict[str, Any]]]) -> None:
    hub = one(sets["production"], "Deployment")
    (spread,) = pod_of(hub)["topologySpreadConstraints"]
    assert spread["labelSelector"] == hub["spec"]["selector"]
    assert spread["topologyKey"] == "topology.kubernetes.io/zone"


def test_where_the_platform_gives_a_user_none_is_named(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    security = pod_of(one(sets["scaled"], "Deployment"))["securityContext"]
    assert security == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_the_first_token_is_a_file_that_may_be_gone_later(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    pod = pod_of(one(sets["scaled"], "Deployment"))
    (volume,) = (each["secret"] for each in pod["volumes"] if each["name"] == "first-token")
    assert volume["items"] == [{"key": "admin", "path": "token"}]
    assert (volume["secretName"], volume["optional"]) == ("first-token", True)
    mounts = {m["name"]: m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    given = environment(one(sets["scaled"], "Deployment"), {"url": "postgresql://"})
    assert given["TRACKSIDE_FIRST_TOKEN"] == f"file:{mounts['first-token']}/token"


def test_a_rollout_is_not_given_up_while_a_start_may_still_migrate(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    spec = one(sets["smallest"], "Deployment")["spec"]
    probe = spec["template"]["spec"]["containers"][0]["startupProbe"]
    assert spec["progressDeadlineSeconds"] > probe["failureThreshold"] * probe["periodSeconds"]


def test_a_replica_that_never_became_ready_holds_up_no_drain(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    budget = one(sets["smallest"], "PodDisruptionBudget")["spec"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


def admits(policy: dict[str, Any], pod: dict[str, Any]) -> bool:
    """Whether some peer of the policy takes a Pod of the release by its labels."""
    labels = pod["metadata"]["labels"] if "template" not in pod["spec"] else None
    labels = labels or pod["spec"]["template"]["metadata"]["labels"]
    peers = [peer.get("podSelector") for rule in policy["spec"]["ingress"] for peer in rule["from"]]
    return any(
        selector.get("matchLabels", {}).items() <= labels.items()
        and all(labels[e["key"]] in e["values"] for e in selector.get("matchExpressions", ()))
        for selector in peers
        if selector is not None
    )


def test_where_only_some_may_send_the_test_of_helm_still_does(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    policy = one(sets["closed"], "NetworkPolicy", "hub")
    assert admits(policy, one(sets["closed"], "Pod"))
    assert not admits(policy, one(sets["closed"], "StatefulSet"))


def test_the_bundled_database_is_reached_by_hub_and_migration_alone(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    objects = rendered(
        "--values", str(CHART / "ci" / "closed.yaml"), "--set", "migration.enabled=true"
    )
    policy = one(objects, "NetworkPolicy", "hub-database")
    database = one(objects, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= database.items()
    reached = {kind: admits(policy, one(objects, kind)) for kind in ("Deployment", "Job", "Pod")}
    assert reached == {"Deployment": True, "Job": True, "Pod": False}


def test_the_route_of_a_gateway_leads_to_the_service(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    objects = sets["external-secret"]
    route, service = one(objects, "HTTPRoute")["spec"], one(objects, "Service")
    parent = {"name": "public", "namespace": "gateways", "sectionName": "https"}
    assert route["parentRefs"] == [parent]
    (backend,) = route["rules"][0]["backendRefs"]
    assert backend == {"name": service["metadata"]["name"], "port": 80}


@pytest.mark.parametrize(
    ("name", "when"),
    [("smallest", "pre-install,pre-upgrade"), ("trial", "pre-upgrade")],
)
def test_the_store_is_migrated_before_the_new_release_where_it_can_be(
    name: str, when: str, sets: dict[str, list[dict[str, Any]]]
) -> None:
    job = one(sets[name], "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == when
    assert pod_of(job)["containers"][0]["args"] == ["migrate"]


def test_a_password_of_the_bundled_database_is_made_once_for_both_sides(
    sets: dict[str, list[dict[str, Any]]],
) -> None:
    objects = sets["trial"]
    secret = one(objects, "Secret")["metadata"]["name"]
    asked = [
        each["valueFrom"]["secretKeyRef"]
        for workload in (one(objects, "Deployment"), one(objects, "StatefulSet"))
        for each in pod_of(workload)["containers"][0]["env"]
        if "valueFrom" in each
    ]
    assert asked == [{"name": secret, "key": "password"}] * 2


def test_the_chart_is_of_the_version_of_the_product() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    product = (CHART.parents[1] / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in product


def test_a_package_of_it_holds_the_dashboards_and_renders_the_same(tmp_path: Path) -> None:
    done = helm("package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (packed,) = tmp_path.glob("trackside-*.tgz")
    values = ("--values", str(CHART / "ci" / "monitored.yaml"))
    name = ("railway", "--namespace", "data")
    from_package = helm("template", name[0], str(packed), *name[1:], *values)
    assert from_package.returncode == 0, from_package.stderr
    told = [each for each in yaml.safe_load_all(from_package.stdout) if each]
    assert told == rendered(*values)
    # a release is kept in a Secret, which holds a mebibyte at most
    kept = packed.stat().st_size + len(gzip.compress(from_package.stdout.encode()))
    assert kept * 4 / 3 < 1024 * 1024
