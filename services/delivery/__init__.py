"""From a commit to an environment: releases, promotions, rollbacks. It writes Git; Argo CD deploys what is written."""
