from fsl_mrs_dl.api.basis import BasisSet as BasisSet
from fsl_mrs_dl.api.basis import simulate_basis as simulate_basis
from fsl_mrs_dl.api.functions import fit as fit
from fsl_mrs_dl.api.functions import list_models as list_models
from fsl_mrs_dl.api.functions import load as load
from fsl_mrs_dl.api.functions import open_model as open_model
from fsl_mrs_dl.api.result import Fit as Fit

__version__: str
