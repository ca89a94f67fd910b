"""moto's server as a process: the whole of AWS that the root needs, on loopback. `python aws_emulator.py PORT`."""

import json
import os
import sys

# Read when moto is imported: AWS's own policies, which roles are given.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.budgets.models import BudgetsBackend
from moto.budgets.responses import BudgetsResponse
from moto.server import main


def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
    """Who is told: the provider asks, and moto does not know the call."""
    backend: BudgetsBackend = self.backend
    budget = backend.budgets[self._get_param("AccountId")][self._get_param("BudgetName")]
    wanted = self._get_param("Notification")
    asked = ("NotificationType", "ComparisonOperator", "Threshold")
    found = [item for item in budget.notifications if all(item.details[key] == wanted[key] for key in asked)]
    return json.dumps({"Subscribers": found[0].subscribers})


def list_tags_for_resource(self: BudgetsResponse) -> str:
    """Another call that moto lacks. Our budgets have no tags: they count what has."""
    return json.dumps({"ResourceTags": []})


for call in (describe_subscribers_for_notification, list_tags_for_resource):
    setattr(BudgetsResponse, call.__name__, call)

if __name__ == "__main__":
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
