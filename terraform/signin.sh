# Sourced by run.sh in a workflow: signs in with GitHub's own token for the job, so that no key is stored anywhere. The providers
# and backends do it themselves for Azure (ARM_USE_OIDC); for AWS and Google Cloud they read what is written here.
# AWS: AWS_ROLE_ARN. Azure: ARM_CLIENT_ID, ARM_TENANT_ID. Google Cloud: GOOGLE_WORKLOAD_PROVIDER (projects/…/providers/…) and
# GOOGLE_SERVICE_ACCOUNT.
signin() { # cloud
  local folder=${RUNNER_TEMP:?RUNNER_TEMP: only a workflow signs in this way}
  case $1 in
    aws)
      : "${AWS_ROLE_ARN:?AWS_ROLE_ARN: name the role that the workflow takes}"
      curl -sSf -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["value"], end="")' >"$folder/aws-token"
      export AWS_WEB_IDENTITY_TOKEN_FILE=$folder/aws-token AWS_ROLE_SESSION_NAME=fairlead-terraform
      ;;
    azure) export ARM_USE_OIDC=true ;;
    gcp)
      : "${GOOGLE_WORKLOAD_PROVIDER:?GOOGLE_WORKLOAD_PROVIDER: name the workload identity provider}"
      python3 - "//iam.googleapis.com/$GOOGLE_WORKLOAD_PROVIDER" "${GOOGLE_SERVICE_ACCOUNT:?}" >"$folder/google.json" <<'PY'
import json, os, sys
audience, account = sys.argv[1:]
print(json.dumps({
    "type": "external_account",
    "audience": audience,
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "service_account_impersonation_url": f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{account}:generateAccessToken",
    "credential_source": {
        "url": f"{os.environ['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=https:{audience}",
        "headers": {"Authorization": f"Bearer {os.environ['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    },
}))
PY
      export GOOGLE_APPLICATION_CREDENTIALS=$folder/google.json
      ;;
  esac
}
