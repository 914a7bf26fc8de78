package pool

// Family is an instance family: what one node of a pool has. It drives SHOW, placement and limits.
// Sources: Snowpark Container Services, the pages of instance families of the three clouds; where the client's own table
// (snowflake/ml/jobs/_utils/constants.py) names more for a family, the larger number stands: a spec may ask for it.
type Family struct {
	Name        string
	Description string
	CPU         int // vCPUs a container may use
	GiB         int // memory
	Disk        int // GB
	GPU         string
	GPUs        int
	GPUGiB      int // of each
	Limit       int // nodes an account may have; 0: on request
	Credits     float64
	Clouds      string // of "AWS AZURE GCP"
}

// Capacity is what a node of the family has.
func (f Family) Capacity() Resources {
	return Resources{MilliCPU: int64(f.CPU) * 1000, Memory: int64(f.GiB) << 30, GPUs: f.GPUs}
}

const all = "AWS AZURE GCP"

// families are the instance families of Snowflake, but for those of another processor (GEN_ARM_…): a pool of them would run what it does not
// say. Credits are 0 where no rate is known.
var families = []Family{
	{"CPU_X64_XS", "Smallest family: one CPU, for trying things out.", 1, 6, 100, "", 0, 0, 500, 0.06, all},
	{"CPU_X64_S", "Small family for light training and many small jobs.", 3, 13, 100, "", 0, 0, 500, 0.11, all},
	{"CPU_X64_M", "Medium family for several processes or one larger model.", 6, 28, 100, "", 0, 0, 500, 0.22, all},
	{"CPU_X64_L", "Large family for wide parallel work.", 28, 116, 100, "", 0, 0, 500, 0.83, all},
	{"CPU_X64_SL", "Between medium and large.", 14, 58, 100, "", 0, 0, 500, 0.41, all},
	{"HIGHMEM_X64_S", "Small family with much memory for each CPU.", 6, 58, 100, "", 0, 0, 500, 0.28, all},
	{"HIGHMEM_X64_M", "Medium family with much memory for each CPU.", 28, 244, 100, "", 0, 0, 500, 1.11, all},
	{"HIGHMEM_X64_L", "Largest family by memory.", 124, 984, 100, "", 0, 0, 500, 4.44, "AWS"},
	{"HIGHMEM_X64_SL", "Between medium and largest by memory.", 92, 654, 100, "", 0, 0, 500, 2.93, "AZURE GCP"},
	{"GPU_NV_S", "One GPU, for inference and fine-tuning.", 6, 28, 450, "NVIDIA A10G", 1, 24, 150, 0.57, "AWS"},
	{"GPU_NV_M", "Four GPUs.", 44, 178, 3800, "NVIDIA A10G", 4, 24, 10, 2.68, "AWS"},
	{"GPU_NV_L", "Eight GPUs for large models.", 92, 1112, 100, "NVIDIA A100", 8, 40, 0, 14.12, "AWS"},
	{"GPU_NV_XS", "One small GPU.", 3, 26, 100, "NVIDIA T4", 1, 16, 10, 0.25, "AZURE"},
	{"GPU_NV_SM", "One GPU with much memory beside it.", 32, 424, 100, "NVIDIA A10", 1, 24, 10, 1.70, "AZURE"},
	{"GPU_NV_2M", "Two GPUs.", 68, 858, 100, "NVIDIA A10", 2, 24, 5, 3.50, "AZURE"},
	{"GPU_NV_3M", "Two large GPUs.", 44, 424, 100, "NVIDIA A100", 2, 80, 0, 3.55, "AZURE"},
	{"GPU_NV_SL", "Four large GPUs.", 92, 858, 100, "NVIDIA A100", 4, 80, 0, 13.50, "AZURE"},
	{"GPU_GCP_NV_L4_1_24G", "One GPU.", 6, 28, 100, "NVIDIA L4", 1, 24, 10, 0.43, "GCP"},
	{"GPU_GCP_NV_L4_4_24G", "Four GPUs.", 44, 178, 100, "NVIDIA L4", 4, 24, 10, 1.94, "GCP"},
	{"GPU_GCP_NV_A100_8_40G", "Eight large GPUs.", 92, 654, 100, "NVIDIA A100", 8, 40, 0, 11.68, "GCP"},
	{"GEN_X64_G2_2", "Second generation, one CPU.", 1, 6, 100, "", 0, 0, 150, 0.092, "AWS AZURE"},
	{"GEN_X64_G2_4", "Second generation, small.", 3, 13, 100, "", 0, 0, 150, 0.184, "AWS AZURE"},
	{"GEN_X64_G2_8", "Second generation, medium.", 6, 28, 100, "", 0, 0, 150, 0.368, "AWS AZURE"},
	{"GEN_X64_G2_16", "Second generation, between medium and large.", 14, 58, 100, "", 0, 0, 150, 0.688, "AZURE"},
	{"GEN_X64_G2_32", "Second generation, large.", 28, 116, 100, "", 0, 0, 150, 1.472, "AWS AZURE"},
	{"MEM_X64_G2_8", "Second generation, much memory, small.", 6, 58, 100, "", 0, 0, 150, 0, "AWS AZURE"},
	{"MEM_X64_G2_32", "Second generation, much memory, medium.", 28, 240, 100, "", 0, 0, 150, 0, "AWS AZURE"},
	{"MEM_X64_G2_64", "Second generation, much memory, large.", 60, 492, 100, "", 0, 0, 150, 0, "AWS AZURE"},
	{"MEM_X64_G2_96", "Second generation, much memory, larger.", 92, 652, 100, "", 0, 0, 150, 0, "AZURE"},
	{"GPU_L40S_G1_8", "One GPU, small.", 6, 58, 100, "NVIDIA L40S", 1, 48, 5, 1.58, "AWS"},
	{"GPU_L40S_G1_16", "One GPU, with more beside it.", 14, 116, 100, "NVIDIA L40S", 1, 48, 5, 3.16, "AWS"},
	{"GPU_L40S_G1_48", "Four GPUs.", 44, 368, 100, "NVIDIA L40S", 4, 48, 0, 9.48, "AWS"},
	{"GPU_L40S_G1_192", "Eight GPUs.", 188, 1436, 100, "NVIDIA L40S", 8, 48, 0, 37.92, "AWS"},
	{"GPU_R6K_G1_8", "One GPU with much memory.", 6, 58, 100, "NVIDIA RTX PRO 6000", 1, 96, 5, 2.537, "AWS"},
	{"GPU_R6K_G1_16", "One GPU with much memory, more beside it.", 14, 116, 100, "NVIDIA RTX PRO 6000", 1, 96, 5, 5.074, "AWS"},
	{"GPU_R6K_G1_32", "One GPU with much memory, much beside it.", 28, 240, 100, "NVIDIA RTX PRO 6000", 1, 96, 5, 10.148, "AWS"},
	{"GPU_R6K_G1_48", "Two GPUs with much memory.", 44, 490, 100, "NVIDIA RTX PRO 6000", 2, 96, 0, 0, "AWS"},
	{"GPU_R6K_G1_96", "Four GPUs with much memory.", 92, 984, 100, "NVIDIA RTX PRO 6000", 4, 96, 0, 0, "AWS"},
	{"GPU_R6K_G1_192", "Eight GPUs with much memory.", 188, 1843, 100, "NVIDIA RTX PRO 6000", 8, 96, 0, 0, "AWS"},
	{"GPU_A100_G1_12", "One large GPU.", 10, 77, 100, "NVIDIA A100", 1, 40, 0, 0, "GCP"},
	{"GPU_A100_G1_48", "Four large GPUs.", 44, 324, 100, "NVIDIA A100", 4, 40, 0, 0, "GCP"},
	{"MEM_X64_G2_192", "Second generation, much memory, largest.", 188, 1436, 100, "", 0, 0, 150, 0, "AWS"},
}

// SystemPool is made at the first start (Snowflake: system compute pools; container-runtime notes on its numbers).
const (
	SystemPool        = "SYSTEM_COMPUTE_POOL_CPU"
	systemFamily      = "CPU_X64_S"
	systemMaxNodes    = 150
	systemAutoSuspend = 259200
	systemOwner       = "ACCOUNTADMIN"
)
