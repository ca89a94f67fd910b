"""What this tool runs in a cluster beside the platform: pods that a namespace of Pod Security `restricted` takes."""

from typing import Any

from delivery.cluster.kubernetes import Object

USER = 10001


def restricted(name: str, image: str, volumes: dict[str, Object], **container: Any) -> Object:
    """The spec of a pod with one container: no root, no writable image, no token, no capabilities.

    `volumes` are volume sources by the path that they are mounted at; `container` is what else the container has.
    """
    names = {path: path.strip("/").replace("/", "-") for path in volumes}
    return {
        "automountServiceAccountToken": False,
        # Kubernetes would name a variable for each Service, GIT_PORT among them.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": name,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": names[path], "mountPath": path} for path in volumes],
                **container,
            }
        ],
        "volumes": [{"name": names[path], **source} for path, source in volumes.items()],
    }


def served(namespace: str, name: str, pod: Object, port: int) -> list[Object]:
    """A Deployment of one such pod, and the Service that leads to its port."""
    metadata, labels = {"name": name, "namespace": namespace}, {"app.kubernetes.io/name": name}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"name": "http", "port": port, "targetPort": port}]},
        },
    ]
